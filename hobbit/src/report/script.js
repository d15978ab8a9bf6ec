"use strict";
(() => {
const $ = id => document.getElementById(id);
const table = $("all");
if (!table) return;
const heads = [...table.tHead.rows[0].cells], names = heads.map(h => h.textContent);
const isNumber = heads.map(h => h.classList.contains("number"));
const body = table.tBodies[0], rows = [...body.rows];
const texts = rows.map(r => [...r.cells].map(c => c.textContent));
const number = text => text === "" || isNaN(text) ? null : +text;

// sorting: what has no value stays last
heads.forEach((head, i) => {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.onclick = () => {
    const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach(h => h.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
    // a trial of the first repetition is named without it
    const text = i === 1 ? t => t.replace(/^\d+-/, "1.$&") : t => t || null;
    const key = texts.map(t => isNumber[i] ? number(t[i]) : text(t[i]));
    const order = rows.map((_, r) => r).sort((a, b) =>
      key[a] === null || key[b] === null ? (key[a] === null) - (key[b] === null) || a - b
      : way * (isNumber[i] ? key[a] - key[b] : key[a].localeCompare(key[b], "en", {numeric: true})) || a - b);
    body.append(...order.map(r => rows[r]));
  };
});

// marks: a path has a part, from one M to the next, for each of the trials in data-t
const charts = [...document.querySelectorAll("svg.chart")].map(svg => ({
  svg, groups: [...svg.querySelectorAll("[data-t]")].map(g => {
    const path = g.firstElementChild, parts = path.getAttribute("d").split(/(?=M)/);
    return {path, parts, trials: g.dataset.t.split(" ").map(Number), width: +path.getAttribute("stroke-width")};
  })
}));
const points = part => (part.match(/-?[\d.]+ -?[\d.]+/g) || []).map(p => p.split(" ").map(Number));

// filtering, of rows and marks
const shown = rows.map(() => true);
const tests = words => words.trim().split(/\s+/).filter(w => w).map(word => {
  const [, name, sign, value] = word.match(/^(.+?)(<=|>=|<|>|=)(.+)$/) || [];
  const i = names.findIndex(n => n.toLowerCase() === (name || "").toLowerCase());
  if (i < 0) return row => row.some(t => t.toLowerCase().includes(word.toLowerCase()));
  if (sign === "=") return row => isNumber[i] && number(value) !== null ? number(row[i]) === number(value)
    : row[i].toLowerCase().startsWith(value.toLowerCase());
  const compare = {"<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b}[sign];
  return row => number(row[i]) !== null && number(value) !== null && compare(number(row[i]), number(value));
});
const filter = () => {
  const all = tests($("words").value);
  rows.forEach((row, r) => row.hidden = !(shown[r] = all.every(test => test(texts[r]))));
  for (const {groups} of charts)
    for (const {path, parts, trials} of groups)
      path.setAttribute("d", parts.filter((_, i) => shown[trials[i]]).join("") || "M0 0");
  $("count").textContent = `${shown.filter(s => s).length} of ${rows.length} trials`;
};
$("filter").hidden = false;
$("filter").onsubmit = event => event.preventDefault();
$("words").oninput = filter;
filter();

// hovering: the nearest mark, and its trial's values from the table
const tip = $("tip");
let mark = null;
const away = () => { tip.hidden = true; if (mark) mark.remove(); mark = null; };
const distance = (x, y, [ax, ay], [bx, by]) => {
  const dx = bx - ax, dy = by - ay, long = dx * dx + dy * dy;
  const t = long ? Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / long)) : 0;
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
};
const bar = part => part.match(/[ML]/g).length === 2 && !part.includes("h");
const nearest = (chart, x, y, reach) => {
  let best = null;
  for (const group of chart.groups) {
    group.points = group.points || group.parts.map(points);
    group.points.forEach((line, i) => {
      if (!shown[group.trials[i]]) return;
      for (let k = 0; k < line.length; k++) {
        const d = distance(x, y, line[k], line[k + 1] || line[k]) - (group.width > 10 && bar(group.parts[i]) ? group.width / 2 : 0);
        if (d < reach && (!best || d <= best.d)) best = {d, trial: group.trials[i], part: group.parts[i], group};
        if (k + 2 >= line.length) break;
      }
    });
  }
  return best;
};
const show = (trial, x, y) => {
  const row = texts[trial], list = document.createElement("dl");
  const title = document.createElement("b");
  title.textContent = `Trial ${row[1]}: ${names[2]} ${row[2]}, ${row[3]} epochs, ${row[4]}`;
  let cells = row.map((_, i) => i).slice(5).filter(i => row[i] !== "");
  if (cells.length > 12) list.className = "wide";
  for (const i of cells.slice(0, 48)) {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = names[i];
    dd.textContent = row[i];
    list.append(dt, dd);
  }
  tip.replaceChildren(title, list);
  tip.hidden = false;
  const {width, height} = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - width - 4)) + "px";
  tip.style.top = Math.max(4, y + 14 + height > innerHeight ? y - 14 - height : y + 14) + "px";
};
for (const chart of charts) {
  if (!chart.groups.length) continue;
  const find = event => {
    const matrix = chart.svg.getScreenCTM().inverse();
    const {x, y} = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    return nearest(chart, x, y, (event.pointerType === "touch" ? 22 : 12) * matrix.a);
  };
  const move = event => {
    const found = find(event);
    away();
    if (!found) return;
    mark = found.group.path.cloneNode();
    mark.setAttribute("class", "mark");
    mark.setAttribute("d", found.part);
    mark.setAttribute("stroke", "var(--best)");
    mark.setAttribute("stroke-width", found.group.width + 3);
    mark.setAttribute("stroke-linecap", found.group.path.parentNode.getAttribute("stroke-linecap"));
    chart.svg.lastElementChild.append(mark);
    show(found.trial, event.clientX, event.clientY);
  };
  chart.svg.onpointermove = chart.svg.onpointerdown = move;
  chart.svg.onpointerleave = event => event.pointerType === "touch" || away();
  chart.svg.onclick = event => {
    const found = find(event);
    rows.forEach(row => row.classList.remove("chosen"));
    if (found) rows[found.trial].classList.add("chosen");
  };
}
addEventListener("scroll", away, {passive: true});
addEventListener("keydown", event => event.key === "Escape" && away());
})();
