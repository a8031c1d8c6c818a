// The theme button, the charts' readouts, enlarged images and the gallery (filter, sort, draw).
// Text is set only through textContent.
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

startEnlarging(document.getElementById("enlarged"));
const stored = document.getElementById("gallery-data");
if (stored) startGallery(JSON.parse(stored.textContent));

// Open the image of a button .zoom in the dialog; the arrow keys lead to the others of its .zooms.
function startEnlarging(dialog) {
  const [name, stage] = [dialog.querySelector("figcaption"), dialog.querySelector("figure > div")];
  let [opener, buttons, at] = [null, [], 0];

  function show(index) {
    at = (index + buttons.length) % buttons.length;
    const shown = buttons[at].firstElementChild;
    const [width, height] = [shown.naturalWidth ?? shown.width, shown.naturalHeight ?? shown.height];
    const scale = Math.max(1, Math.floor(Math.min(0.86 * innerWidth / width, 0.7 * innerHeight / height)));
    const image = new Image(width * scale, height * scale);
    image.src = shown.src ?? shown.toDataURL();
    image.alt = "";
    name.textContent = `${shown.alt ?? shown.getAttribute("aria-label")} (${at + 1} of ${buttons.length})`;
    stage.replaceChildren(image);
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button.zoom");
    if (!button) return;
    opener = button;
    buttons = [...button.closest(".zooms").querySelectorAll("button.zoom")];
    show(buttons.indexOf(button));
    dialog.showModal();
  });
  dialog.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") show(at - 1);
    if (key === "ArrowRight") show(at + 1);
  });
  dialog.addEventListener("click", ({ target }) => {
    const step = Number(target.closest("button")?.value ?? 0);
    if (step) show(at + step);
    else if (target === dialog || target.closest("button")) dialog.close();
  });
  dialog.addEventListener("close", () => opener.focus());
}

function startGallery(data) {
  const [form, cards, count, more, template] =
    ["controls", "cards", "count", "more", "card"].map((id) => document.getElementById(id));
  const orders = new Map(data.orders.map((order) => [order.key, order]));
  const fields = ["domain", "prompt", "kind", "order", "pair"];
  const labelsOf = (edit) => ["source", "baseline", "fine-tuned", data.targets[edit.domain]];
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
    more.textContent = `Show ${Math.min(data.batch, chosen.length - shown)} more`;
    count.textContent = `Showing ${shown} of ${chosen.length} that match; ${data.edits.length} edits in all.`;
  }

  function makeCard(edit) {
    const card = template.content.firstElementChild.cloneNode(true);
    card.dataset.probe = edit.id;
    const uris = urisOf(edit);
    const labels = labelsOf(edit);
    for (const image of card.querySelectorAll(".thumbs img")) {
      const index = image.dataset.image;
      if (!uris[index]) continue;
      image.src = uris[index];
      image.alt = `${labels[index]}: ${edit.prompt}`;
      image.closest("figure").querySelector("figcaption").textContent = labels[index];
    }
    if (uris.length < 4) card.querySelectorAll("[data-image='3'], [data-map='3']").forEach((one) => one.closest("figure").remove());
    card.querySelector(".thumbs").style.setProperty("--columns", uris.length);
    card.querySelector("h3").textContent = `“${edit.prompt}”`;
    card.querySelector(".caption").textContent = edit.caption;
    card.querySelector(".facts").textContent = [`${data.labels[edit.domain]}, ${edit.garment}`, ...scoreTexts(edit)].join(" · ");
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

  // Data URIs of source, baseline, fine-tuned edit and, where there is one, target.
  function urisOf(edit) {
    const target = edit.target === null ? [] : [edit.target];
    return [...edit.images.slice(0, 3), ...target].map((index) => data.images[index]);
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
    const [uris, labels] = [urisOf(edit), labelsOf(edit)];
    const move = () => {
      const [left, right] = pairOf(uris).map((index) => labels[index]);
      slider.style.setProperty("--cut", `${range.value}%`);
      range.setAttribute("aria-valuetext", `${range.value} % ${left}, ${100 - range.value} % ${right}`);
      range.setAttribute("aria-label", `${left} on the left, ${right} on the right: ${edit.prompt}`);
    };
    slider.fill = () => {
      const pair = pairOf(uris);
      slider.querySelectorAll("img").forEach((image, side) => { image.src = uris[pair[side]]; });
      move();
    };
    range.addEventListener("input", move);
    slider.fill();
  }

  // Numbers of the images left and right of a slider's line; an edit without target keeps source and fine-tuned.
  function pairOf(uris) {
    const pair = (form.elements.pair.value || "0-2").split("-").map(Number);
    return pair.every((index) => uris[index]) ? pair : [0, 2];
  }

  async function drawMaps(card, edit) {
    const [source, mask, ...edited] = await Promise.all(
      [data.images[edit.images[0]], data.images[edit.images[3]], ...urisOf(edit).slice(1)].map(pixels),
    );
    const drawn = [zoneMap(source, mask, edit.box), ...edited.map((image) => changeMap(source, image))];
    const labels = ["zones", ...labelsOf(edit).slice(1).map((name) => `change, ${name}`)];
    for (const canvas of card.querySelectorAll("canvas")) {
      const index = canvas.dataset.map;
      canvas.width = source.width;
      canvas.height = source.height;
      canvas.setAttribute("aria-label", `${labels[index]}: ${edit.prompt}`);
      canvas.getContext("2d").putImageData(drawn[index], 0, 0);
    }
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

  form.addEventListener("change", ({ target }) => {
    const state = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    history.replaceState(null, "", `#gallery${state.size ? `?${state}` : ""}`);
    if (target.name === "pair") cards.querySelectorAll(".slider").forEach((slider) => slider.fill());
    else choose();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => { if (location.hash.startsWith("#gallery?")) restore(); });
  more.addEventListener("click", () => {
    const next = shown;
    showMore();
    cards.children[next]?.querySelector("input").focus();
  });
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
