// Pass the paths of the API to its origin. Cloudflare answers all files before this is called.
import text from "./site.json";

const site = JSON.parse(text);
const routes = site.routes.map(([expression, isCached]) => [new RegExp(expression), isCached]);
const CREDENTIALS = ["authorization", "cookie", "origin", "x-api-key"];

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const route = routes.find(([expression]) => expression.test(url.pathname));
    if (route === undefined) {
      const headers = { ...site.headers, "cache-control": "no-store" };
      return new Response("Not found\n", { status: 404, headers });
    }
    const call = new Request(new URL(url.pathname + url.search, site.origin), request);
    // Without it, the API would see one address for all clients, or one that a client made up.
    call.headers.set("x-forwarded-for", request.headers.get("cf-connecting-ip") ?? "");
    const isShared =
      route[1] &&
      ["GET", "HEAD"].includes(request.method) &&
      !CREDENTIALS.some((name) => request.headers.has(name));
    return fetch(call, isShared ? { cf: { cacheEverything: true } } : { cache: "no-store" });
  },
};
