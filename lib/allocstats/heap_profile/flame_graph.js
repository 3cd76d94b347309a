// Draws the profile that lies beside it as JSON: frames as boxes, as wide as what was allocated below them. No library,
// no network, no inline style: it works under a Content-Security-Policy that knows this text's hash.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("profile").textContent);
  const canvas = document.getElementById("graph"), pen = canvas.getContext("2d");
  const about = document.getElementById("about"), search = document.getElementById("search");
  const which = document.getElementById("which"), invert = document.getElementById("invert");
  const found = document.getElementById("found"), ROW = 18, LEAST = 0.4;

  const bytes = (count) => {
    const size = Math.abs(count);
    for (const [unit, limit] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]])
      if (size >= limit) return (count / limit).toFixed(1) + " " + unit;
    return Math.round(count) + " B";
  };
  const share = (part, whole) => (whole ? (100 * part / whole).toFixed(1) + " %" : "");

  // Nodes come in preorder: frame, number of children, then what each measure has of its own.
  const measures = data.measures.length;
  const stride = 2 + 2 * measures;
  let at = 0;
  const read = (parent) => {
    const values = data.nodes.slice(at, at + stride);
    at += stride;
    const node = {frame: values[0], parent, children: [], own: values.slice(2, 2 + measures), before: values.slice(2 + measures)};
    for (let i = 0; i < values[1]; i++) node.children.push(read(node));
    return node;
  };
  const upright = read(null);

  const fresh = (frame, parent) => ({frame, parent, children: [], byFrame: new Map(), own: Array(measures).fill(0), before: Array(measures).fill(0)});
  const child = (node, frame) => {
    if (!node.byFrame.has(frame)) {
      node.byFrame.set(frame, fresh(frame, node));
      node.children.push(node.byFrame.get(frame));
    }
    return node.byFrame.get(frame);
  };
  const add = (to, from) => from.forEach((value, i) => { to[i] += value; });

  // From the innermost frame out, so that what one function asked for is in one place, whoever called it.
  const upsideDown = () => {
    const root = fresh(upright.frame, null);
    const visit = (node) => {
      if (node.own.some(Boolean) || node.before.some(Boolean)) {
        let place = root;
        for (let outer = node; outer.parent; outer = outer.parent) place = child(place, outer.frame);
        add(place.own, node.own);
        add(place.before, node.before);
      }
      node.children.forEach(visit);
    };
    visit(upright);
    return root;
  };

  const total = (node) => {
    node.sum = node.own.slice();
    node.sumBefore = node.before.slice();
    for (const inner of node.children) {
      total(inner);
      add(node.sum, inner.sum);
      add(node.sumBefore, inner.sumBefore);
    }
    return node;
  };
  total(upright);

  let root = upright, focus = upright, boxes = [], inverted = null;
  const measure = () => Number(which.value);
  // What shrank is as wide as it was, or it would not be seen.
  const width = (node) => Math.max(node.sum[measure()], data.compared ? node.sumBefore[measure()] : 0);
  const matches = (node) => {
    const text = search.value.trim().toLowerCase();
    return text !== "" && data.frames[node.frame].join(" ").toLowerCase().includes(text);
  };

  const hash = (text) => {
    let sum = 0;
    for (let i = 0; i < text.length; i++) sum = (sum * 31 + text.charCodeAt(i)) >>> 0;
    return sum;
  };
  const colour = (node) => {
    if (matches(node)) return "hsl(285 70% 72%)";
    if (data.compared) {
      const now = node.sum[measure()], then = node.sumBefore[measure()], most = Math.max(now, then);
      const change = most ? (now - then) / most : 0;
      const light = 92 - 35 * Math.abs(change);
      return change >= 0 ? `hsl(10 85% ${light}%)` : `hsl(215 75% ${light}%)`;
    }
    const [label, place] = data.frames[node.frame];
    return place ? `hsl(${20 + hash(place.replace(/:\d+$/, "")) % 40} 80% ${66 + hash(label) % 12}%)` : `hsl(${190 + hash(label) % 30} 40% 74%)`;
  };

  const depthOf = (node) => 1 + Math.max(0, ...node.children.filter(width).map(depthOf));
  const outer = (node) => (node.parent ? [...outer(node.parent), node] : [node]);

  const draw = () => {
    const above = outer(focus), rows = above.length - 1 + depthOf(focus);
    const full = canvas.parentElement.clientWidth, ratio = window.devicePixelRatio || 1;
    canvas.width = full * ratio;
    canvas.height = rows * ROW * ratio;
    canvas.style.height = rows * ROW + "px";
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    boxes = [];
    let hits = 0;
    const box = (node, x, row, wide, faint) => {
      boxes.push({node, x, y: row * ROW, wide});
      pen.globalAlpha = faint ? 0.45 : 1;
      pen.fillStyle = colour(node);
      pen.fillRect(x, row * ROW, Math.max(wide - 0.5, LEAST), ROW - 1);
      pen.globalAlpha = 1;
      if (wide < 24) return;
      pen.save();
      pen.beginPath();
      pen.rect(x, row * ROW, wide - 3, ROW);
      pen.clip();
      pen.fillStyle = "#1b1b1b";
      pen.fillText(data.frames[node.frame].filter(Boolean).join("  "), x + 4, row * ROW + ROW / 2);
      pen.restore();
    };
    const lay = (node, x, row, wide, counted) => {
      if (wide < LEAST) return;
      box(node, x, row, wide, false);
      const hit = !counted && matches(node);
      if (hit) hits += node.sum[measure()];
      let left = x;
      for (const inner of node.children.slice().sort((a, b) => width(b) - width(a))) {
        const part = width(node) ? wide * width(inner) / Math.max(width(node), node.children.reduce((sum, one) => sum + width(one), 0)) : 0;
        lay(inner, left, row + 1, part, counted || hit);
        left += part;
      }
    };
    above.slice(0, -1).forEach((node, row) => box(node, 0, row, full, true));
    lay(focus, 0, above.length - 1, full, false);
    found.textContent = search.value.trim() ? `${bytes(hits)} (${share(hits, focus.sum[measure()])}) below what is found` : "";
    describe(focus);
  };

  const describe = (node) => {
    const [label, place] = data.frames[node.frame], m = measure();
    const parts = [place ? `${label}, ${place}` : label, `${bytes(node.sum[m])} (${share(node.sum[m], root.sum[m])})`, `${bytes(node.own[m])} of its own`];
    if (data.compared) parts.push(`${node.sum[m] >= node.sumBefore[m] ? "+" : ""}${bytes(node.sum[m] - node.sumBefore[m])} since before`);
    about.textContent = parts.join(" · ");
  };

  const under = (event) => {
    const place = canvas.getBoundingClientRect(), x = event.clientX - place.left, y = event.clientY - place.top;
    return boxes.find((box) => x >= box.x && x < box.x + box.wide && y >= box.y && y < box.y + ROW)?.node;
  };
  const zoom = (node) => {
    focus = node || root;
    draw();
  };
  const turn = () => {
    root = invert.checked ? (inverted ||= total(upsideDown())) : upright;
    zoom(root);
  };

  data.measures.forEach((name, i) => which.add(new Option(name, i)));
  canvas.addEventListener("click", (event) => zoom(under(event) || focus));
  canvas.addEventListener("mousemove", (event) => describe(under(event) || focus));
  canvas.addEventListener("keydown", (event) => {
    const siblings = focus.parent ? focus.parent.children.filter(width).sort((a, b) => width(b) - width(a)) : [focus];
    const beside = (step) => siblings[(siblings.indexOf(focus) + step + siblings.length) % siblings.length];
    const inner = focus.children.filter(width).sort((a, b) => width(b) - width(a))[0];
    const next = {ArrowDown: inner, ArrowUp: focus.parent, ArrowRight: beside(1), ArrowLeft: beside(-1), Home: root, Escape: root}[event.key];
    if (next === undefined) return;
    event.preventDefault();
    if (next) zoom(next);
  });
  document.getElementById("reset").addEventListener("click", () => {
    search.value = "";
    zoom(root);
  });
  search.addEventListener("input", draw);
  which.addEventListener("change", () => zoom(root));
  invert.addEventListener("change", turn);
  window.addEventListener("resize", draw);
  draw();
})();
