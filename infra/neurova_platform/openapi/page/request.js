// A call, as fetch and as curl make it.

/** Return method, URL, fields and body of a call; `values` by "in name", "" for none. */
export function request(operation, values, body, key, api) {
  let path = operation.path;
  const query = [];
  const fields = [];
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
      } else if (parameter.in === "header") fields.push([parameter.name, parts.join(", ")]);
      else cookies.push(`${parameter.name}=${text}`);
    }
  }
  if (operation.security.length && key) fields.push(["X-API-Key", key]);
  if (body !== null && body !== "") fields.push(["Content-Type", "application/json"]);
  const url = new URL(path.slice(1) + (query.length ? `?${query.join("&")}` : ""), document.baseURI);
  return { method: operation.method, url, fields, cookies, body: body === "" ? null : body };
}

/** Return a line for a shell. The key is not in it: a history would keep it. */
export function curl(made) {
  const method = made.method === "GET" ? "" : `-X ${made.method} `;
  const words = [`curl ${method}${quoted(made.url.href)}`];
  for (const [name, value] of made.fields) {
    words.push(name === "X-API-Key" ? '-H "X-API-Key: $NEUROVA_KEY"' : `-H ${quoted(`${name}: ${value}`)}`);
  }
  for (const cookie of made.cookies) words.push(`-b ${quoted(cookie)}`);
  if (made.body !== null) words.push(`-d ${quoted(made.body)}`);
  return words.join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Return what is left of each limit: name, left, of how many, and for how many seconds. */
export function limits(answer) {
  const parameters = (field) =>
    [...(answer.headers.get(field) || "").matchAll(/"([^"]*)"((?:;[a-z]+=\d+)*)/g)].map(
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
