// A request, for fetch and for curl.

/** Return method, URL, headers and body of a request; `values` by "in name", "" if empty. */
export function request(operation, values, body, key, api) {
  let path = operation.path;
  const query = [];
  const headers = [];
  const cookies = [];
  for (const parameter of operation.parameters || []) {
    const text = values.get(`${parameter.in} ${parameter.name}`) ?? "";
    if (parameter.in === "path") {
      path = path.replace(`{${parameter.name}}`, encodeURIComponent(text));
    } else if (text !== "") {
      const many = api.resolve(parameter.schema).type === "array";
      const parts = many ? text.split(",").map((part) => part.trim()) : [text];
      if (parameter.in === "query") {
        for (const part of parts)
          query.push(`${encodeURIComponent(parameter.name)}=${encodeURIComponent(part)}`);
      } else if (parameter.in === "header") headers.push([parameter.name, parts.join(", ")]);
      else cookies.push(`${parameter.name}=${text}`);
    }
  }
  if (operation.security.length && key) headers.push(["X-API-Key", key]);
  if (body !== null && body !== "") headers.push(["Content-Type", "application/json"]);
  const url = new URL(path.slice(1) + (query.length ? `?${query.join("&")}` : ""), document.baseURI);
  return { method: operation.method, url, headers, cookies, body: body === "" ? null : body };
}

/** Return a shell command without the key, because the key would stay in the shell's history. */
export function curl(request) {
  const method = request.method === "GET" ? "" : `-X ${request.method} `;
  const words = [`curl ${method}${quoted(request.url.href)}`];
  for (const [name, value] of request.headers) {
    words.push(name === "X-API-Key" ? '-H "X-API-Key: $NEUROVA_KEY"' : `-H ${quoted(`${name}: ${value}`)}`);
  }
  for (const cookie of request.cookies) words.push(`-b ${quoted(cookie)}`);
  if (request.body !== null) words.push(`-d ${quoted(request.body)}`);
  return words.join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Return the limits of a response: name, quota left, whole quota, seconds until the reset. */
export function limits(response) {
  const parameters = (header) =>
    [...(response.headers.get(header) || "").matchAll(/"([^"]*)"((?:;[a-z]+=\d+)*)/g)].map(
      ([, name, rest]) => [name, Object.fromEntries([...rest.matchAll(/;([a-z]+)=(\d+)/g)].map((m) => [m[1], Number(m[2])]))],
    );
  const policies = new Map(parameters("ratelimit-policy"));
  return parameters("ratelimit").map(([name, { r, t }]) => ({
    name: name.replaceAll("-", " "),
    left: r,
    of: policies.get(name)?.q,
    seconds: t,
  }));
}
