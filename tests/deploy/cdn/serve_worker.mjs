// Serve a Worker and its files on workerd; the API is an echo of the requests that reach it.
// Arguments: the folder of miniflare, and the options of the Worker as JSON.
const { Miniflare } = await import(process.argv[2] + "/dist/src/index.js");

const miniflare = new Miniflare({
  ...JSON.parse(process.argv[3]),
  host: "127.0.0.1",
  port: 0,
  cf: false,
  async outboundService(request) {
    return Response.json({
      method: request.method,
      url: request.url,
      headers: Object.fromEntries(request.headers),
      cf: request.cf ?? {},
      body: await request.text(),
    });
  },
});
console.log((await miniflare.ready).href);
process.stdin.on("end", () => miniflare.dispose()).resume();
