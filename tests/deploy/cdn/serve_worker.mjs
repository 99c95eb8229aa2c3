// Serve a Worker and its files on workerd; the API is an echo of the requests that reach it.
// Arguments: the folder of miniflare, and the options of the Worker as JSON.
const { Miniflare } = await import(process.argv[2] + "/dist/src/index.js");

let count = 0;
const miniflare = new Miniflare({
  ...JSON.parse(process.argv[3]),
  host: "127.0.0.1",
  port: 0,
  cf: false,
  async outboundService(request) {
    const echo = {
      count: ++count,
      method: request.method,
      url: request.url,
      headers: Object.fromEntries(request.headers),
      body: await request.text(),
    };
    const [status, control] = (request.headers.get("answer") ?? "200 public, max-age=60").split(/ (.*)/);
    const headers = control ? { "cache-control": control } : {};
    return Response.json(echo, { status: Number(status), headers });
  },
});
console.log((await miniflare.ready).href);
process.stdin.on("end", () => miniflare.dispose()).resume();
