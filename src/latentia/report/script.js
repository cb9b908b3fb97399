// The one thing that needs a script: the row under the pointer on the map. The page says everything without it.
(() => {
  "use strict";
  document.documentElement.classList.add("js");
  const source = document.getElementById("map-data");
  const plot = source && source.closest(".plot");
  if (!plot) return;
  const data = JSON.parse(source.textContent);
  const picture = plot.querySelector("svg");
  const lens = plot.querySelector(".lens");
  const thumb = lens.querySelector("canvas");
  const said = lens.querySelector(".said");
  const sheet = document.getElementById("sprite");
  const reach = 18;

  const show = (k) => {
    const s = data.sprite;
    const drawn = Boolean(s && sheet && k < s.held);
    thumb.hidden = !drawn;
    thumb.style.display = drawn ? "block" : "none";
    if (drawn) {
      thumb.width = s.width;
      thumb.height = s.height;
      const left = (k % s.columns) * s.width;
      const top = Math.floor(k / s.columns) * s.height;
      thumb.getContext("2d").drawImage(sheet, left, top, s.width, s.height, 0, 0, s.width, s.height);
      thumb.className = sheet.className;
    }
    const label = data.label ? data.names[data.label[k]] : "";
    said.textContent = (label ? `${label} · ` : "") + `${data.split} row ${data.row[k]}`;
    lens.hidden = false;
    const scale = picture.clientWidth / data.size;
    const x = data.x[k] * scale;
    const right = x + 14 + lens.offsetWidth > plot.clientWidth;
    lens.style.left = `${right ? x - 14 - lens.offsetWidth : x + 14}px`;
    lens.style.top = `${Math.max(0, data.y[k] * scale - lens.offsetHeight / 2)}px`;
  };

  const nearest = (event) => {
    const box = picture.getBoundingClientRect();
    const scale = box.width / data.size;
    const x = (event.clientX - box.left) / scale;
    const y = (event.clientY - box.top) / scale;
    let best = -1;
    let least = (reach / scale) ** 2;
    for (let k = 0; k < data.x.length; k += 1) {
      const away = (data.x[k] - x) ** 2 + (data.y[k] - y) ** 2;
      if (away < least) [best, least] = [k, away];
    }
    if (best < 0) lens.hidden = true;
    else show(best);
  };

  picture.addEventListener("pointermove", nearest);
  picture.addEventListener("pointerdown", nearest);
  picture.addEventListener("pointerleave", () => { lens.hidden = true; });
})();
