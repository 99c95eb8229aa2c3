// The document: its functions by service, and the targets of its references.

const METHODS = ["get", "post", "put", "patch", "delete"];

/** The server refused the document with an HTTP status. */
export class DocumentError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Fetch the document next to this page, with a key if there is one. */
export async function fetchDocument(key) {
  const response = await fetch(new URL("openapi.json", document.baseURI), {
    headers: key ? { "X-API-Key": key } : {},
    credentials: "omit",
    cache: "no-cache",
  });
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new DocumentError(response.status, content.detail || response.statusText);
  return new Api(content);
}

export class Api {
  constructor(content) {
    this.info = content.info;
    this.content = content;
    this.operations = Object.entries(content.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method]).map((method) => {
        const operation = item[method];
        const text = [method, path, operation.operationId, operation.summary, ...operation.tags];
        return {
          ...operation,
          parameters: (operation.parameters || []).map((each) => this.resolve(each)),
          method: method.toUpperCase(),
          path,
          service: operation.tags[0],
          searchText: text.join(" ").toLowerCase(),
        };
      }),
    );
  }

  /** Return a part of the document, after following its reference. */
  resolve(part) {
    let found = part;
    for (let hops = 0; found?.$ref && hops < 16; hops += 1) {
      found = found.$ref
        .slice(2)
        .split("/")
        .reduce((at, step) => at?.[step.replaceAll("~1", "/").replaceAll("~0", "~")], this.content);
    }
    return found ?? {};
  }

  /** Return the function with a name. */
  find(name) {
    return this.operations.find((operation) => operation.operationId === name);
  }

  /** Return the functions that contain all words of a text, by service. */
  search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = new Map();
    for (const operation of this.operations) {
      if (!words.every((word) => operation.searchText.includes(word))) continue;
      if (!found.has(operation.service)) found.set(operation.service, []);
      found.get(operation.service).push(operation);
    }
    return found;
  }
}
