// The theme button, the charts' readouts and the gallery (filter, sort, draw). Text is set only through textContent.
"use strict";

const root = document.documentElement;
const theme = document.getElementById("theme");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
const nameTheme = () => { theme.textContent = isDark() ? "Light theme" : "Dark theme"; };
theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
prefersDark.addEventListener("change", nameTheme);
nameTheme();

// Show a marker's values below its chart when the pointer or the keyboard focus is on it.
for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, ({ target }) => {
    const dot = target.closest("svg .dot");
    if (dot) dot.closest("figure").querySelector(".readout").textContent = dot.getAttribute("aria-label");
  });
}

const stored = document.getElementById("gallery-data");
if (stored) startGallery(JSON.parse(stored.textContent));

function startGallery(data) {
  const [form, cards, count, more, template] =
    ["controls", "cards", "count", "more", "card"].map((id) => document.getElementById(id));
  const orders = new Map(data.orders.map((order) => [order.key, order]));
  const fields = ["domain", "prompt", "kind", "order"];
  let chosen = [];
  let shown = 0;

  function choose() {
    const { domain, prompt, kind, order } = Object.fromEntries(new FormData(form));
    chosen = data.edits.filter((edit) => (!domain || edit.domain === domain) && (!prompt || edit.prompt === prompt)
      && (!kind || edit.kinds.includes(data.kinds.indexOf(kind))));
    if (order) chosen.sort(worstFirst(orders.get(order)));
    cards.replaceChildren();
    shown = 0;
    showMore();
  }

  // Edits without the score come last; ties keep their order (sort is stable).
  function worstFirst({ key, sign }) {
    return (a, b) => {
      const [first, second] = [a.scores[key], b.scores[key]];
      if (first === null || second === null) return (first === null) - (second === null);
      return sign * (second - first);
    };
  }

  function showMore() {
    const batch = chosen.slice(shown, shown + data.batch);
    cards.append(...batch.map(makeCard));
    shown += batch.length;
    more.hidden = shown === chosen.length;
    count.textContent = `Showing ${shown} of ${chosen.length} that match; ${data.edits.length} edits in all.`;
  }

  function makeCard(edit) {
    const card = template.content.firstElementChild.cloneNode(true);
    card.dataset.probe = edit.id;
    const names = ["source", "baseline", "fine-tuned"];
    for (const image of card.querySelectorAll("img")) {
      image.src = data.images[edit.images[image.dataset.image]];
      image.alt = image.closest(".slider") ? "" : `${names[image.dataset.image]}: ${edit.prompt}`;
    }
    card.querySelector("h3").textContent = `“${edit.prompt}”`;
    card.querySelector(".caption").textContent = edit.caption;
    card.querySelector(".facts").textContent = [`${edit.domain}, ${edit.garment}`, ...scoreTexts(edit)].join(" · ");
    card.querySelector(".tags").append(...edit.kinds.map((kind) => {
      const tag = document.createElement("span");
      tag.textContent = data.kinds[kind];
      tag.classList.toggle("none", kind === data.kinds.length - 1);
      return tag;
    }));
    prepareSlider(card.querySelector(".slider"), edit);
    drawMaps(card, edit);
    return card;
  }

  function scoreTexts(edit) {
    const order = orders.get(form.elements.order.value);
    if (!order) return [];
    const value = edit.scores[order.key];
    const text = value === null ? "–" : value.toFixed(order.digits).replace("-", "−");
    return [`${order.words} ${text}`];
  }

  function prepareSlider(slider, edit) {
    const range = slider.querySelector("input");
    const move = () => {
      slider.style.setProperty("--cut", `${range.value}%`);
      range.setAttribute("aria-valuetext", `${range.value} % source, ${100 - range.value} % fine-tuned`);
    };
    range.setAttribute("aria-label", `source or fine-tuned: ${edit.prompt}`);
    range.addEventListener("input", move);
    move();
  }

  async function drawMaps(card, edit) {
    const images = await Promise.all(edit.images.map((index) => pixels(data.images[index])));
    const [source, baseline, tuned, mask] = images;
    const drawn = [changeMap(source, baseline), changeMap(source, tuned), zoneMap(source, mask, edit.box)];
    const labels = ["change by the baseline", "change by the fine-tuned editor", "zones"];
    card.querySelectorAll("canvas").forEach((canvas, index) => {
      canvas.width = source.width;
      canvas.height = source.height;
      canvas.setAttribute("aria-label", `${labels[index]}: ${edit.prompt}`);
      canvas.getContext("2d").putImageData(drawn[index], 0, 0);
    });
    card.dataset.drawn = "true";
  }

  function restore() {
    const [anchor, query] = location.hash.slice(1).split("?");
    const state = new URLSearchParams(anchor === "gallery" && query ? query : "");
    for (const name of fields) {
      const field = form.elements[name];
      const wanted = state.get(name) ?? "";
      field.value = [...field.options].some((option) => option.value === wanted) ? wanted : "";
    }
    choose();
    if (query) document.getElementById("gallery").scrollIntoView();
  }

  form.addEventListener("change", () => {
    const state = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    history.replaceState(null, "", `#gallery${state.size ? `?${state}` : ""}`);
    choose();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => { if (location.hash.startsWith("#gallery?")) restore(); });
  more.addEventListener("click", () => {
    const next = shown;
    showMore();
    cards.children[next]?.querySelector("input").focus();
  });
  new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) showMore(); })
    .observe(more);
  restore();
}

async function pixels(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height);
}

// |edited − source|, mean over channels, times two: black (no change) over red and yellow to white.
function changeMap(source, edited) {
  const map = new ImageData(source.width, source.height);
  for (let at = 0; at < map.data.length; at += 4) {
    let change = 0;
    for (let channel = 0; channel < 3; channel++) {
      change += Math.abs(edited.data[at + channel] - source.data[at + channel]) / 765;
    }
    const ramp = Math.min(2 * change, 1) * 3;
    for (let channel = 0; channel < 3; channel++) map.data[at + channel] = 255 * Math.min(Math.max(ramp - channel, 0), 1);
    map.data[at + 3] = 255;
  }
  return map;
}

// The trimap over the faded source: tight zone green, context zone yellow, background untinted.
function zoneMap(source, mask, [left, top, right, bottom]) {
  const map = new ImageData(source.width, source.height);
  for (let at = 0; at < map.data.length; at += 4) {
    const [x, y] = [(at / 4) % source.width + 0.5, Math.floor(at / 4 / source.width) + 0.5];
    const inside = x > left && x < right && y > top && y < bottom;
    const tint = mask.data[at] > 127 ? [40, 170, 90] : inside ? [240, 200, 60] : null;
    const grey = (source.data[at] + source.data[at + 1] + source.data[at + 2]) / 6 + 110;
    for (let channel = 0; channel < 3; channel++) map.data[at + channel] = tint ? (grey + tint[channel]) / 2 : grey;
    map.data[at + 3] = 255;
  }
  return map;
}
