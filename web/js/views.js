// Show offers and bookings.

import { countNights } from "./fields.js";
import { day, dayRange, money, text } from "./text.js";

const MANY = 5; // the API never reports more free rooms

const find = (id) => document.getElementById(id);

/** List the offers; call `choose` with the offer that the guest chooses. */
export function showOffers({ stay, found }, choose) {
  const { arrival, departure, offers } = found;
  const dates = dayRange(arrival, departure);
  find("results-title").textContent = text("search.found", { count: offers.length, dates });
  find("no-results").hidden = offers.length > 0;
  find("results").hidden = false;
  document.querySelector(".rooms").replaceChildren(...offers.map((offer) => showOffer(offer, stay, choose)));
}

function showOffer(offer, stay, choose) {
  const item = find("room").content.cloneNode(true);
  const put = (selector, value) => { item.querySelector(selector).textContent = value; };
  const name = text(offer.room_type);
  const nights = text("nights", { count: Number(stay.nights) });
  put("h3", name);
  put(".about", text(`${offer.room_type}.about`));
  put(".facts", text("sleeps", { count: offer.sleeps }));
  if (offer.free < MANY) {
    const few = document.createElement("span");
    few.className = "few";
    few.textContent = text("left", { count: offer.free });
    item.querySelector(".facts").append(" · ", few);
  }
  put(".price strong", money(offer.total));
  put(".price span", text("nights.rate", { nights, rate: money(offer.rate) }));
  const button = item.querySelector("button");
  button.textContent = text("choose.short");
  button.ariaLabel = text("choose", { room: name });
  button.addEventListener("click", () => choose(offer));
  return item;
}

/** Fill a description list with the data of a stay or a booking. */
export function showStay(list, stay) {
  const guests = [text("adult", { count: stay.adults })];
  if (stay.children) guests.push(text("child", { count: stay.children }));
  const nights = text("nights", { count: countNights(stay.arrival, stay.departure) });
  const rows = [
    ["room", text(stay.room_type)],
    ["arrival", day(stay.arrival)],
    ["departure", day(stay.departure)],
    ["guests", guests.join(", ")],
    ["total", money(stay.total)],
  ];
  if (stay.status) rows.unshift(["status", text(`state.${stay.status}`)]);
  list.replaceChildren(...rows.map(([term, value]) => {
    const row = document.createElement("div");
    row.className = term;
    for (const [tag, content] of [["dt", text(term, { nights })], ["dd", value]]) {
      row.appendChild(document.createElement(tag)).textContent = content;
    }
    return row;
  }));
}

/** Show a booking; `email` is set only if the booking was just made. */
export function showBooking(booking, email) {
  find("booking-title").textContent = text(email ? "booked.new" : "booked.title");
  find("booking-note").textContent = email ? text("booked.note", { email }) : "";
  find("booking-number").textContent = booking.number;
  find("copy").hidden = !navigator.clipboard;
  showStay(find("booked"), booking);
}
