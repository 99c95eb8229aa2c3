// The document, read: its functions by service, and what its references stand for.

const METHODS = ["get", "post", "put", "patch", "delete"];

/** Refused to read the document; `status` as HTTP says it. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Read the document that lies beside this page, with a key if there is one. */
export async function read(key) {
  const answer = await fetch(new URL("openapi.json", document.baseURI), {
    headers: key ? { "X-API-Key": key } : {},
    credentials: "omit",
    cache: "no-cache",
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, said.detail || answer.statusText);
  return new Api(said);
}

export class Api {
  constructor(said) {
    this.info = said.info;
    this.said = said;
    this.operations = Object.entries(said.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method]).map((method) => {
        const operation = item[method];
        const text = [method, path, operation.operationId, operation.summary, ...operation.tags];
        return {
          ...operation,
          parameters: (operation.parameters || []).map((each) => this.resolve(each)),
          method: method.toUpperCase(),
          path,
          service: operation.tags[0],
          words: text.join(" ").toLowerCase(),
        };
      }),
    );
  }

  /** Return what a part of the document is, following its reference. */
  resolve(part) {
    let found = part;
    for (let hops = 0; found?.$ref && hops < 16; hops += 1) {
      found = found.$ref
        .slice(2)
        .split("/")
        .reduce((at, step) => at?.[step.replaceAll("~1", "/").replaceAll("~0", "~")], this.said);
    }
    return found ?? {};
  }

  /** Return the function of that name. */
  named(name) {
    return this.operations.find((operation) => operation.operationId === name);
  }

  /** Return the functions in which all words of a search are found, by service. */
  matching(search) {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const found = new Map();
    for (const operation of this.operations) {
      if (!words.every((word) => operation.words.includes(word))) continue;
      if (!found.has(operation.service)) found.set(operation.service, []);
      found.get(operation.service).push(operation);
    }
    return found;
  }
}
