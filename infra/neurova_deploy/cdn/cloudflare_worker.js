// Forward API requests to the origin. Cloudflare serves all files itself, without this Worker.
import text from "./site.json";

const site = JSON.parse(text);
const routes = site.routes.map(([expression, isCached]) => [new RegExp(expression), isCached]);
const PERSONAL = ["authorization", "cookie", "origin", "x-api-key"];

export default {
  async fetch(request, env, context) {
    const url = new URL(request.url);
    const route = routes.find(([expression]) => expression.test(url.pathname));
    if (route === undefined) {
      const headers = { ...site.headers, "cache-control": "no-store" };
      return new Response("Not found\n", { status: 404, headers });
    }
    const mayStore =
      route[1] && request.method === "GET" && !PERSONAL.some((name) => request.headers.has(name));
    const stored = mayStore ? await caches.default.match(request) : undefined;
    if (stored !== undefined) return stored;
    const call = new Request(new URL(url.pathname + url.search, site.origin), request);
    // Otherwise the API would see one address for all clients, or an address set by the client.
    call.headers.set("x-forwarded-for", request.headers.get("cf-connecting-ip") ?? "");
    const response = await fetch(call, { cache: "no-store" });
    // Do not use Cloudflare's default rules: they also store errors and responses without
    // Cache-Control.
    const control = response.headers.get("cache-control") ?? "";
    if (mayStore && response.status === 200 && /\bpublic\b/.test(control)) {
      context.waitUntil(caches.default.put(request, response.clone()));
    }
    return response;
  },
};
