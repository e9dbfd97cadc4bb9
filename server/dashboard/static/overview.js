// Charts and the feed of the overview. A chart is an element with data-chart
// ("bars" or "lines"), data-plot ({zone, hours, at, columns}) and data-names.
"use strict";
(() => {
  const drawn = new Map(); // element → its uPlot

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // Custom properties hold light-dark(); a probe resolves it.
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const paint = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color || color(name);
  };

  function draw(element) {
    const plot = JSON.parse(element.dataset.plot);
    const names = element.dataset.names.split("|");
    const unit = element.dataset.unit ? ` ${element.dataset.unit}` : "";
    const bars = element.dataset.chart === "bars";
    const language = document.documentElement.dataset.intl;
    const when = new Intl.DateTimeFormat(language, { timeZone: plot.zone, ...(plot.hours ? { hour: "numeric" } : { day: "numeric", month: "short" }) });
    const colors = (bars ? ["--chart-1", "--chart-2", "--chart-3"] : ["--chart-1", "--chart-4"]).map(paint);
    // Stacked: each column stands on those before it; drawn from the tallest.
    const shown = bars
      ? plot.columns.map((_, i) => plot.at.map((_, x) => plot.columns.slice(0, i + 1).reduce((sum, c) => sum + (c[x] ?? 0), 0)))
      : plot.columns;
    const order = shown.map((_, i) => (bars ? shown.length - 1 - i : i));
    const tip = document.createElement("div");
    tip.className = "chart-tip";
    tip.hidden = true;
    const grid = { stroke: paint("--line"), width: 1 };
    const axis = { stroke: paint("--muted"), grid: { show: false }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const chart = new uPlot({
      width: element.clientWidth, height: element.clientHeight, legend: { show: false }, padding: [12, 24, 0, 0],
      cursor: { y: false, points: { show: !bars, size: 8 }, drag: { x: false, y: false } },
      tzDate: (seconds) => new Date(seconds * 1000),
      scales: { x: { time: false, range: (_, min, max) => { const step = plot.at.length > 1 ? plot.at[1] - plot.at[0] : 3600; return [min - step * 0.6, max + step * 0.6]; } }, y: { range: (_, min, max) => [0, Math.max(bars ? 4 : 10, max * 1.08)] } },
      axes: [
        { ...axis, size: 30, space: 64, splits: (_, index, min, max, space) => { const every = Math.max(1, Math.ceil(plot.at.length / Math.max(1, Math.floor(element.clientWidth / 80)))); return plot.at.filter((_, i) => i % every === 0); }, values: (_, all) => all.map((t) => when.format(t * 1000)) },
        { ...axis, size: 52, grid: { show: true, ...grid }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000], values: (_, all) => all.map((n) => n.toLocaleString(language) + (n ? unit : "")) },
      ],
      series: [{}, ...order.map((i) => bars
        ? { fill: colors[i], width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.62, 46], radius: i === shown.length - 1 ? 0.15 : 0 }) }
        : { stroke: colors[i], width: 2, spanGaps: true, points: { show: plot.columns[i].filter((n) => n !== null).length < 3, size: 6, fill: colors[i] }, paths: uPlot.paths.spline?.() })],
      hooks: {
        setCursor: [(u) => {
          const x = u.cursor.idx;
          tip.hidden = x === null || x === undefined;
          if (tip.hidden) return;
          tip.replaceChildren(line("chart-tip-head", when.format(plot.at[x] * 1000)), ...names.map((name, i) => line("", `${name}: ${plot.columns[i][x] === null ? "–" : plot.columns[i][x].toLocaleString(language) + unit}`)));
          const left = u.valToPos(plot.at[x], "x") + u.over.offsetLeft;
          tip.style.left = `${Math.min(Math.max(left, 70), element.clientWidth - 70)}px`;
        }],
      },
    }, [plot.at, ...order.map((i) => shown[i])], element);
    element.append(tip);
    drawn.set(element, chart);
  }
  function line(name, text) {
    const div = document.createElement("div");
    div.className = name;
    div.textContent = text;
    return div;
  }

  function drawAll() {
    for (const [element, chart] of drawn) {
      if (!element.isConnected) { chart.destroy(); drawn.delete(element); }
    }
    document.querySelectorAll("[data-chart]").forEach((element) => { if (!drawn.has(element)) draw(element); });
  }
  function again() {
    for (const [element, chart] of drawn) { chart.destroy(); element.replaceChildren(); }
    drawn.clear();
    drawAll();
  }
  document.body.addEventListener("pingr:arrived", drawAll);
  document.body.addEventListener("pingr:theme", again);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  let resized = 0;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(again, 150); });
  drawAll();

  // The feed: a line a firing, renewed as it goes on.
  const feed = document.getElementById("feed");
  const lines = new Map(); // firing → {line, began}
  document.body.addEventListener("pingr:firing", ({ detail }) => {
    let entry = lines.get(detail.id);
    if (!entry) {
      entry = { line: document.createElement("li"), began: performance.now() };
      const at = document.createElement("time");
      at.textContent = new Date().toLocaleTimeString(document.documentElement.dataset.intl);
      entry.text = document.createElement("span");
      entry.after = document.createElement("span");
      entry.after.className = "mono muted";
      entry.line.append(at, entry.text, entry.after);
      feed.prepend(entry.line);
      lines.set(detail.id, entry);
      while (feed.children.length > 8) feed.lastChild.remove();
      document.getElementById("feed-empty").hidden = true;
    }
    const state = detail.outcome || detail.state;
    entry.line.dataset.state = state;
    entry.text.textContent = feed.dataset[state] ?? state;
    if (detail.outcome) {
      entry.after.textContent = `${Math.round(performance.now() - entry.began).toLocaleString(document.documentElement.dataset.intl)} ms`;
      lines.delete(detail.id);
    }
  });
})();
