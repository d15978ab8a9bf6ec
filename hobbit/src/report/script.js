"use strict";
(() => {
const $ = id => document.getElementById(id);
const make = (tag, text) => { const it = document.createElement(tag); if (text !== undefined) it.textContent = text; return it; };
const narrow = matchMedia("(max-width:600px)").matches;
document.body.classList.add("scripted");

// what the reader has chosen, which outlives a renewal of the page
const chosen = {words: "", sort: null, hidden: new Set(), brush: new Map(), row: null, wasOpen: new Map()};
// rules that depend on the study: which columns are numbers, which are hidden
const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [sheet];
let study = null;

const number = text => text === "" || isNaN(text) ? null : +text;
const points = part => (part.match(/-?[\d.]+ -?[\d.]+/g) || []).map(p => p.split(" ").map(Number));

// the table of all trials: `texts` has every row, `rows` those that are elements already, `order` those that are to be seen
const readTable = () => {
  const table = $("all");
  if (!table) return null;
  const heads = [...table.tHead.rows[0].cells], names = heads.map(h => h.textContent);
  const body = table.tBodies[0], rows = [...body.rows];
  const texts = rows.map(r => [...r.cells].map(c => c.textContent));
  if ($("rest")) for (const line of $("rest").textContent.split("\n")) texts.push(line.split("\t"));
  return {table, heads, names, body, rows, texts, order: [], isCut: texts.length > rows.length, isNumber: heads.map(h => h.classList.contains("number")), shown: texts.map(() => true)};
};
const row = i => {
  if (!study.rows[i]) {
    study.rows[i] = make("tr");
    study.rows[i].append(...study.texts[i].map(text => make("td", text)));
    link(study.rows[i]);
  }
  return study.rows[i];
};
// a server has a page for each trial
const link = row => {
  const way = document.body.dataset.trial, cell = row.cells[1];
  if (!way || cell.firstElementChild) return;
  const a = make("a", cell.textContent);
  a.href = way + encodeURIComponent(cell.textContent);
  cell.replaceChildren(a);
};

// of many rows, those come into the table that are scrolled to
const some = 200;
const more = () => {
  const {order, body} = study, at = body.rows.length;
  body.append(...order.slice(at, at + some).map(row));
  return at < order.length;
};
// sorting: what has no value stays last
const arrange = () => {
  const {texts, shown, body, isNumber} = study;
  let order = texts.map((_, r) => r);
  if (chosen.sort) {
    const {i, way} = chosen.sort;
    // a trial of the first repetition is named without it
    const text = i === 1 ? t => t.replace(/^\d+-/, "1.$&") : t => t || null;
    const key = texts.map(t => isNumber[i] ? number(t[i]) : text(t[i]));
    const compare = isNumber[i] ? (a, b) => a - b : new Intl.Collator("en", {numeric: true}).compare;
    order.sort((a, b) => key[a] === null || key[b] === null ? (key[a] === null) - (key[b] === null) || a - b
      : way * compare(key[a], key[b]) || a - b);
  }
  if (study.isCut) {
    study.order = order = order.filter(r => shown[r]);
    // nothing to do where these are the rows already
    const same = body.rows.length > 0 && [...body.rows].every((element, i) => element === study.rows[order[i]]);
    if (!same) body.replaceChildren(...order.slice(0, some).map(row));
  } else {
    body.append(...order.map(row));
    study.rows.forEach((element, r) => element.hidden = !shown[r]);
  }
};
const sortBy = (i, way) => {
  chosen.sort = {i, way};
  study.heads.forEach(h => h.removeAttribute("aria-sort"));
  study.heads[i].setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
};

// marks: a path has a part, from one M to the next, for each of the trials in data-t
const read = new WeakMap();
const readCharts = () => [...document.querySelectorAll("svg.chart")].filter(svg => svg.querySelector("[data-t]")).map(svg => {
  return {svg, get groups() {
    if (!read.has(svg)) read.set(svg, [...svg.querySelectorAll("[data-t]")].map(g => {
      const path = g.firstElementChild, parts = path.getAttribute("d").split(/(?=M)/);
      return {path, parts, trials: g.dataset.t.split(" ").map(Number), width: +path.getAttribute("stroke-width")};
    }));
    return read.get(svg);
  }};
});
let charts = [], isWhole = true;

// filtering, of rows and marks
const tests = words => words.trim().split(/\s+/).filter(w => w).map(word => {
  const {names, isNumber} = study;
  const [, name, sign, value] = word.match(/^(.+?)(<=|>=|<|>|=)(.+)$/) || [];
  const i = names.findIndex(n => n.toLowerCase() === (name || "").toLowerCase());
  if (i < 0) return row => row.some(t => t.toLowerCase().includes(word.toLowerCase()));
  if (sign === "=") return row => isNumber[i] && number(value) !== null ? number(row[i]) === number(value)
    : row[i].toLowerCase().startsWith(value.toLowerCase());
  const compare = {"<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b}[sign];
  return row => number(row[i]) !== null && number(value) !== null && compare(number(row[i]), number(value));
});
// the trials whose line in the picture goes through what was brushed
const brushed = () => {
  if (!chosen.brush.size) return null;
  const chart = charts.find(chart => chart.svg.dataset.brush);
  if (!chart) return null;
  const through = new Set();
  for (const {parts, trials} of chart.groups) parts.forEach((part, i) => {
    const line = points(part);
    if ([...chosen.brush].every(([axis, [from, to]]) => line[axis] && line[axis][1] >= from && line[axis][1] <= to)) through.add(trials[i]);
  });
  return through;
};
const filter = () => {
  const all = tests(chosen.words), through = brushed();
  study.texts.forEach((row, r) => study.shown[r] = all.every(test => test(row)) && (!through || through.has(r)));
  arrange();
  const every = study.shown.every(s => s);
  // nothing to do in pictures that were never changed
  if (!(every && isWhole)) for (const {groups} of charts)
    for (const {path, parts, trials} of groups)
      path.setAttribute("d", parts.filter((_, i) => study.shown[trials[i]]).join("") || "M0 0");
  isWhole = every;
  $("count").textContent = `${study.shown.filter(s => s).length} of ${study.texts.length} trials`;
};

// which columns are seen
const columns = () => {
  sheet.replaceSync("");
  const rule = (list, what) => list.length && sheet.insertRule(`${list.map(i => `#all tr>:nth-child(${i + 1})`)}{${what}}`);
  rule(study.names.map((_, i) => i).filter(i => study.isNumber[i]), "text-align:right");
  rule([...chosen.hidden].map(name => study.names.indexOf(name)).filter(i => i > 1), "display:none");
};
const choices = () => {
  $("columns").replaceChildren(...study.names.map((name, i) => {
    const label = make("label"), box = make("input");
    box.type = "checkbox";
    box.checked = !chosen.hidden.has(name);
    box.onchange = () => { box.checked ? chosen.hidden.delete(name) : chosen.hidden.add(name); columns(); };
    label.append(box, " " + name);
    label.hidden = i < 2;
    return label;
  }));
};

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
      if (!study.shown[group.trials[i]]) return;
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
  const {texts, names} = study, row = texts[trial], list = make("dl");
  const title = make("b", `Trial ${row[1]}: ${names[2]} ${row[2]}, ${row[3]} epochs, ${row[4]}`);
  const cells = row.map((_, i) => i).slice(5).filter(i => row[i] !== "");
  if (cells.length > 12) list.className = "wide";
  for (const i of cells.slice(0, 48)) list.append(make("dt", names[i]), make("dd", row[i]));
  tip.replaceChildren(title, list);
  tip.hidden = false;
  const {width, height} = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - width - 4)) + "px";
  tip.style.top = Math.max(4, y + 14 + height > innerHeight ? y - 14 - height : y + 14) + "px";
};
const inside = (svg, event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
const choose = trial => {
  chosen.row = trial === null ? null : study.texts[trial][1];
  study.rows.forEach(row => row && row.classList.remove("chosen"));
  if (trial !== null) row(trial).classList.add("chosen");
};
const hover = chart => {
  const find = event => {
    const {x, y} = inside(chart.svg, event), scale = chart.svg.getScreenCTM().inverse().a;
    return nearest(chart, x, y, (event.pointerType === "touch" ? 22 : 12) * scale);
  };
  const move = event => {
    away();
    if (event.buttons && chart.svg.dataset.brush && event.pointerType !== "touch") return;
    const found = find(event);
    if (!found) return;
    mark = found.group.path.cloneNode();
    mark.setAttribute("class", "mark");
    mark.setAttribute("d", found.part);
    mark.setAttribute("stroke", "var(--ink)");
    mark.setAttribute("stroke-width", found.group.width + 3);
    mark.setAttribute("stroke-linecap", found.group.path.parentNode.getAttribute("stroke-linecap"));
    chart.svg.lastElementChild.append(mark);
    show(found.trial, event.clientX, event.clientY);
  };
  chart.svg.onpointermove = chart.svg.onpointerdown = move;
  chart.svg.onpointerleave = event => event.pointerType === "touch" || away();
  chart.svg.onclick = event => { const found = find(event); choose(found ? found.trial : null); };
};

// brushing: a range of an axis of the parallel coordinates
const brush = ({svg}) => {
  const axes = svg.dataset.brush.split(" ").map(Number), layer = svg.lastElementChild;
  const draw = () => {
    layer.querySelectorAll(".brush").forEach(old => old.remove());
    for (const [axis, [from, to]] of chosen.brush) {
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      for (const [name, value] of Object.entries({class: "brush", x: axes[axis] - 7, y: from, width: 14, height: to - from})) rect.setAttribute(name, value);
      layer.append(rect);
    }
  };
  let begun = null;
  svg.addEventListener("pointerdown", event => {
    if (event.pointerType === "touch") return;
    const {x, y} = inside(svg, event), axis = axes.findIndex(at => Math.abs(at - x) < 12);
    begun = axis < 0 ? null : {axis, y};
    if (begun) { svg.setPointerCapture(event.pointerId); event.preventDefault(); }
  });
  svg.addEventListener("pointermove", event => {
    if (!begun) return;
    const {y} = inside(svg, event);
    chosen.brush.set(begun.axis, [Math.min(begun.y, y), Math.max(begun.y, y)]);
    draw();
  });
  svg.addEventListener("pointerup", event => {
    if (!begun) return;
    if (Math.abs(inside(svg, event).y - begun.y) < 3) chosen.brush.delete(begun.axis);
    begun = null;
    draw();
    filter();
  });
  draw();
};

// everything that the elements of the page need
const setUp = () => {
  document.querySelectorAll("details").forEach(details => {
    const open = chosen.wasOpen.get(details.id);
    if (open !== undefined) details.open = open;
    else if (narrow && details.classList.contains("fold")) details.open = false;
    details.ontoggle = () => chosen.wasOpen.set(details.id, details.open);
  });
  // a table that stays keeps its rows, in whatever order they are now
  if (!study || study.table !== $("all")) study = readTable();
  charts = study ? readCharts() : [];
  isWhole = true;
  if (!study) return;
  study.rows.forEach(link);
  const tall = study.table.parentNode;
  tall.onscroll = () => study.isCut && tall.scrollTop + 2 * tall.clientHeight > tall.scrollHeight && more();
  study.heads.forEach((head, i) => {
    const button = head.firstElementChild || make("button");
    button.type = "button";
    if (!button.parentNode) { button.append(...head.childNodes); head.append(button); }
    button.onclick = () => { sortBy(i, head.getAttribute("aria-sort") === "ascending" ? -1 : 1); arrange(); };
  });
  if (chosen.sort) sortBy(chosen.sort.i, chosen.sort.way);
  $("filter").hidden = false;
  $("filter").onsubmit = event => event.preventDefault();
  $("words").value = chosen.words;
  $("words").oninput = () => { chosen.words = $("words").value; filter(); };
  choices();
  columns();
  charts.forEach(hover);
  charts.filter(chart => chart.svg.dataset.brush).forEach(brush);
  filter();
  const again = chosen.row === null ? -1 : study.texts.findIndex(text => text[1] === chosen.row);
  if (again >= 0) choose(again);
};
addEventListener("scroll", away, {passive: true});
addEventListener("keydown", event => event.key === "Escape" && away());
addEventListener("beforeprint", () => document.querySelectorAll("details.fold").forEach(fold => fold.open = true));

// a page of a server renews those of its parts that have changed; it says of each what it was made of
const parts = page => new Map([...page.querySelectorAll("header[id],main>[id]")].map(part => [part.id, part.dataset.made]));
const follow = (address, original) => {
  let known = original, wanted = false, busy = false, state = "";
  const say = text => { state = text; if ($("live")) $("live").textContent = text; };
  const fresh = async () => {
    const answer = await fetch(location.pathname, {cache: "no-store"});
    if (!answer.ok) return 0;
    const text = await answer.text(), began = performance.now();
    take(new DOMParser().parseFromString(text, "text/html"));
    return performance.now() - began;
  };
  const renew = async () => {
    wanted = true;
    if (busy) return;
    busy = true;
    while (wanted) {
      wanted = false;
      const took = await fresh().catch(() => say("The server cannot be reached; trying again.") || 0);
      // a page that takes long is renewed less often, so that it can be read
      await new Promise(done => setTimeout(done, Math.max(100, took)));
    }
    busy = false;
  };
  const take = page => {
    const news = parts(page), focus = document.activeElement && document.activeElement.id;
    const tall = document.querySelector(".tall"), at = tall && [tall.scrollLeft, tall.scrollTop];
    const long = study ? study.body.rows.length : 0;
    const replace = old => old.replaceWith(document.importNode(old.id ? page.getElementById(old.id) : page.querySelector(old.tagName), true));
    away();
    if ([...news.keys()].join() !== [...known.keys()].join()) {
      replace($("head"));
      replace(document.querySelector("main"));
    } else for (const [id, text] of news) if (known.get(id) !== text) replace($(id));
    known = news;
    document.title = page.title;
    document.body.dataset.version = page.body.dataset.version;
    setUp();
    say(state);
    const now = document.querySelector(".tall");
    while (study && study.isCut && study.body.rows.length < long && more());
    if (now && at && (at[0] || at[1])) {
      // what is not laid out cannot be scrolled
      now.style.contentVisibility = "visible";
      [now.scrollLeft, now.scrollTop] = at;
    }
    if (focus && $(focus) && document.activeElement !== $(focus)) $(focus).focus({preventScroll: true});
  };
  const source = new EventSource(address);
  source.onopen = () => say("Live");
  source.onerror = () => say("The server cannot be reached; trying again.");
  source.addEventListener("changed", event => event.data === document.body.dataset.version || renew());
};
const address = document.body.dataset.live, original = address && parts(document);
setUp();
if (address) follow(address, original);
})();
