// All texts in both languages, and the formatting of dates, money and counts.

const TEXTS = {
  en: {
    weekday: "short", skip: "Skip to content", nav: "Pages", language: "Language",
    "nav.search": "Rooms", "nav.find": "My booking",
    "search.title": "Find a room",
    "search.lead": "Free rooms and prices for your dates. You pay at the hotel.", "search.send": "Search", "search.busy": "Searching…",
    "search.none": "No room is free for this stay. Try other dates or fewer guests.",
    "search.found": { one: "{count} room type, {dates}", other: "{count} room types, {dates}" },
    arrival: "Arrival", departure: "Departure", adults: "Adults", children: "Children",
    name: "Name", email: "Email", "email.hint": "We send the confirmation to this address.",
    nights: { one: "{count} night", other: "{count} nights" },
    adult: { one: "{count} adult", other: "{count} adults" },
    child: { one: "{count} child", other: "{count} children" },
    sleeps: { one: "Sleeps {count}", other: "Sleeps {count}" },
    left: { one: "Last room", other: "{count} left" },
    "nights.rate": "{nights} × {rate}", choose: "Choose {room}",
    "choose.short": "Choose", room: "Room", guests: "Guests", total: "Total ({nights})", status: "Status",
    "book.title": "Your details", "book.send": "Book this room", "book.busy": "Booking…",
    "book.back": "Choose another room",
    "booked.new": "Your room is booked", "booked.title": "Your booking",
    "booked.note": "We have sent the confirmation to {email}. Keep the number: it is all you need to see the booking again.",
    "state.booked": "Booked", "state.cancelled": "Cancelled",
    number: "Booking number", "number.hint": "It is in your confirmation email: five groups of four.",
    copy: "Copy", copied: "Copied", "find.title": "Find your booking", "find.send": "Show booking",
    "find.busy": "Looking…",
    "fault.arrival": "Choose a date from today on, at most 18 months ahead.",
    "fault.departure": "Choose a date 1 to 30 nights after the arrival.",
    "fault.name": "Enter your name.", "fault.email": "Enter an email address like ada@example.org.",
    "fault.number": "Enter all 20 letters and digits of the number.",
    "fault.unknown": "No booking has this number. Check it against your email.",
    "fault.gone": "This room was just booked, or its price has changed. These are the rooms now.",
    "fault.limit": "Too many requests. Please wait a minute, then try again.",
    "fault.offline": "The hotel cannot be reached. Check your connection and try again; nothing is booked twice.",
    "fault.other": "Something went wrong here. Please try again. (Reference {trace})",
    a: "Classic double", "a.about": "Double bed, quiet courtyard side",
    b: "Studio", "b.about": "Double bed and a large desk",
    c: "Family suite", "c.about": "Two connected rooms, double bed and bunk bed",
    d: "Superior double", "d.about": "King-size bed, garden side",
    e: "Triple", "e.about": "Double bed and single bed",
    f: "Deluxe triple", "f.about": "Double bed and single bed, with balcony",
    g: "Garden suite", "g.about": "Bedroom and living room, with terrace",
    h: "Rooftop suite", "h.about": "Two bedrooms, view over the city",
  },
  tr: {
    weekday: "long", skip: "İçeriğe geç", nav: "Sayfalar", language: "Dil",
    "nav.search": "Odalar", "nav.find": "Rezervasyonum",
    "search.title": "Oda bulun",
    "search.lead": "Tarihleriniz için boş odalar ve fiyatlar. Ödeme otelde yapılır.", "search.send": "Ara", "search.busy": "Aranıyor…",
    "search.none": "Bu tarihlerde boş oda yok. Başka tarihleri veya daha az misafiri deneyin.",
    "search.found": { one: "{count} oda tipi, {dates}", other: "{count} oda tipi, {dates}" },
    arrival: "Giriş", departure: "Çıkış", adults: "Yetişkin", children: "Çocuk",
    name: "Ad soyad", email: "E-posta", "email.hint": "Onayı bu adrese göndeririz.",
    nights: { one: "{count} gece", other: "{count} gece" },
    adult: { one: "{count} yetişkin", other: "{count} yetişkin" },
    child: { one: "{count} çocuk", other: "{count} çocuk" },
    sleeps: { one: "{count} kişilik", other: "{count} kişilik" },
    left: { one: "Son oda", other: "{count} oda kaldı" },
    "nights.rate": "{nights} × {rate}", choose: "{room} odasını seç",
    "choose.short": "Seç", room: "Oda", guests: "Misafirler", total: "Toplam ({nights})", status: "Durum",
    "book.title": "Bilgileriniz", "book.send": "Odayı ayırt", "book.busy": "Rezervasyon yapılıyor…",
    "book.back": "Başka oda seç",
    "booked.new": "Odanız ayrıldı", "booked.title": "Rezervasyonunuz",
    "booked.note": "Onayı {email} adresine gönderdik. Numarayı saklayın: rezervasyonunuzu yeniden görmek için yalnızca o gerekir.",
    "state.booked": "Onaylandı", "state.cancelled": "İptal edildi",
    number: "Rezervasyon numarası", "number.hint": "Onay e-postanızda: dörderli beş grup.",
    copy: "Kopyala", copied: "Kopyalandı", "find.title": "Rezervasyonunuzu bulun",
    "find.send": "Rezervasyonu göster", "find.busy": "Aranıyor…",
    "fault.arrival": "Bugünden itibaren en çok 18 ay sonrasına bir tarih seçin.",
    "fault.departure": "Girişten 1 ile 30 gece sonrasına bir tarih seçin.",
    "fault.name": "Adınızı yazın.", "fault.email": "ada@example.org gibi bir e-posta adresi yazın.",
    "fault.number": "Numaranın 20 harf ve rakamının tümünü yazın.",
    "fault.unknown": "Bu numarayla bir rezervasyon yok. E-postanızla karşılaştırın.",
    "fault.gone": "Bu oda az önce ayrıldı veya fiyatı değişti. Şimdiki odalar aşağıda.",
    "fault.limit": "Çok fazla istek geldi. Lütfen bir dakika sonra yeniden deneyin.",
    "fault.offline": "Otele ulaşılamıyor. Bağlantınızı denetleyip yeniden deneyin; ikinci bir rezervasyon yapılmaz.",
    "fault.other": "Burada bir sorun oluştu. Lütfen yeniden deneyin. (Kayıt {trace})",
    a: "Klasik çift kişilik", "a.about": "Çift kişilik yatak, sessiz avlu tarafı",
    b: "Stüdyo", "b.about": "Çift kişilik yatak ve geniş çalışma masası",
    c: "Aile süiti", "c.about": "Bağlantılı iki oda, çift kişilik yatak ve ranza",
    d: "Üstün çift kişilik", "d.about": "Geniş çift kişilik yatak, bahçe tarafı",
    e: "Üç kişilik", "e.about": "Çift kişilik ve tek kişilik yatak",
    f: "Balkonlu üç kişilik", "f.about": "Çift kişilik ve tek kişilik yatak, balkon",
    g: "Bahçe süiti", "g.about": "Yatak odası ve oturma odası, teras",
    h: "Çatı süiti", "h.about": "İki yatak odası, şehir manzarası",
  },
};
const STORED = "language";

export let language = "en";

export function chooseLanguage() {
  const wanted = [localStorage.getItem(STORED), ...navigator.languages];
  return wanted.map((each) => each?.slice(0, 2)).find((each) => each in TEXTS) ?? "en";
}

/** Switch to a language, and replace all texts of the document. */
export function setLanguage(chosen, isKept = false) {
  language = chosen;
  if (isKept) localStorage.setItem(STORED, chosen);
  document.documentElement.lang = chosen;
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = text(each.dataset.text);
  for (const each of document.querySelectorAll("[data-label]")) each.ariaLabel = text(each.dataset.label);
  for (const each of document.querySelectorAll(".languages button")) each.ariaPressed = each.lang === chosen;
}

export function text(key, values = {}) {
  let found = TEXTS[language][key];
  if (typeof found === "object") found = found[new Intl.PluralRules(language).select(values.count)] ?? found.other;
  return found.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export const money = (cents) =>
  new Intl.NumberFormat(language, {
    style: "currency", currency: "EUR", minimumFractionDigits: cents % 100 ? 2 : 0,
  }).format(cents / 100);

const DAY = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };

/** Return a day like "2026-12-01" in words. */
export const day = (iso) => new Intl.DateTimeFormat(language, { ...DAY, weekday: text("weekday") }).format(new Date(iso));

export const dayRange = (from, to) =>
  new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" })
    .formatRange(new Date(from), new Date(to));
