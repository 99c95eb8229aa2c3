// Call the functions for guests without a key: they are public, and rate-limited by IP address.

const BASE = document.querySelector("meta[name=api]").content;
const TIMEOUT = 15_000; // milliseconds
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // Crockford's base 32

/** An error response of the API; `pointers` name the invalid fields. Status 0: no response. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail ?? "");
    this.status = status;
    this.trace = body.trace_id ?? "–";
    this.pointers = (body.errors ?? []).map((each) => each.pointer);
  }
}

async function call(path, options = {}) {
  let response, body;
  try {
    const signal = AbortSignal.timeout(TIMEOUT);
    response = await fetch(BASE + path, { cache: "no-store", credentials: "omit", signal, ...options });
    body = await response.json();
  } catch {
    throw new Problem(response && !response.ok ? response.status : 0);
  }
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}

export const findOffers = (stay) => call(`/guest/offers?${new URLSearchParams(stay)}`);

export const book = (request) =>
  call("/guest/bookings", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });

export const findBooking = (number) => call("/guest/booking", { headers: { "booking-number": number } });

/** Return a new booking number: 100 random bits, so that nobody can guess it. */
export const makeNumber = () =>
  group(Array.from(crypto.getRandomValues(new Uint8Array(20)), (byte) => ALPHABET[byte % 32]).join(""));

/** Return the booking number in a text that a guest typed, or null if it is malformed. */
export function readNumber(typed) {
  const plain = typed.toUpperCase().replace(/[\s-]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  return plain.length === 20 && [...plain].every((each) => ALPHABET.includes(each)) ? group(plain) : null;
}

const group = (plain) => plain.match(/.{4}/g).join("-");
