// Trends: what a sensor has shown, beside what is normal, its limits, and the time of the alarm.
"use strict";
(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const figure = (value) => (value == null ? "–" : Number(value.toPrecision(4)).toString());

  const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
  const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

  // The band of normal, the usual level, the limits and the alarm's span, drawn below the curve.
  function underlay(sensor, evidence, span, marks) {
    return (plot) => {
      const { ctx, bbox } = plot;
      const y = (value) => Math.min(bbox.top + bbox.height, Math.max(bbox.top, plot.valToPos(value, "y", true)));
      const x = (at) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, plot.valToPos(at, "x", true)));
      ctx.save();
      ctx.textAlign = "left"; ctx.textBaseline = "alphabetic";
      const band = (low, high, fill) => {
        const top = high == null ? bbox.top : y(high), bottom = low == null ? bbox.top + bbox.height : y(low);
        ctx.fillStyle = fill; ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
      };
      if (sensor.normal.low != null || sensor.normal.high != null) band(sensor.normal.low, sensor.normal.high, colour("--band"));
      if (span) { ctx.fillStyle = colour("--span"); ctx.fillRect(x(span[0]), bbox.top, Math.max(2, x(span[1]) - x(span[0])), bbox.height); }
      // The words of what is usual stand below their line, those of a limit above it: the two are often close. Where the words
      // of two limits would stand on each other, those of the second go behind those of the first.
      const said = [];
      const line = (value, stroke, dash, text, drop = -4) => {
        if (value == null || value < plot.scales.y.min || value > plot.scales.y.max) return;
        ctx.strokeStyle = stroke; ctx.fillStyle = colour("--text"); ctx.lineWidth = 2; ctx.setLineDash(dash);
        ctx.beginPath(); ctx.moveTo(bbox.left, y(value)); ctx.lineTo(bbox.left + bbox.width, y(value)); ctx.stroke();
        ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
        const base = y(value) + drop, near = said.filter((one) => Math.abs(one.base - base) < 13 * devicePixelRatio);
        const from = Math.max(bbox.left + 6, ...near.map((one) => one.end + 12));
        ctx.fillText(text, from, base);
        said.push({ base, end: from + ctx.measureText(text).width });
      };
      for (const side of ["low", "high"]) {
        line(sensor.alarm[side], colour("--high"), [8, 4], `alarm ${figure(sensor.alarm[side])}`);
        line(sensor.trip[side], colour("--critical"), [2, 3], `trip ${figure(sensor.trip[side])}`);
      }
      if (evidence) {
        band(evidence.baseline - 3 * evidence.spread, evidence.baseline + 3 * evidence.spread, colour("--band"));
        line(evidence.baseline, colour("--soft"), [1, 3], `usual ${figure(evidence.baseline)}`, 13 * devicePixelRatio);
      }
      ctx.setLineDash([]);
      // A word that would stand on another one goes into the next row below it.
      const ends = [];
      for (const [at, text] of marks) {
        if (at < plot.scales.x.min || at > plot.scales.x.max) continue;
        ctx.strokeStyle = colour("--text"); ctx.lineWidth = 1;
        ctx.beginPath(); ctx.moveTo(x(at), bbox.top); ctx.lineTo(x(at), bbox.top + bbox.height); ctx.stroke();
        const wide = ctx.measureText(text).width + 8, isLeft = x(at) > bbox.left + bbox.width * 0.7, from = isLeft ? x(at) - wide : x(at);
        let row = ends.findIndex((end) => from >= end);
        if (row < 0) row = ends.length;
        ends[row] = from + wide;
        ctx.fillStyle = colour("--text"); ctx.textAlign = isLeft ? "right" : "left";
        ctx.fillText(text, x(at) + (isLeft ? -4 : 4), bbox.top + 14 * (row + 1) * devicePixelRatio);
      }
      ctx.restore();
    };
  }

  function range(sensor) {
    return (plot, low, high) => {
      const near = [low, high, sensor.normal.low, sensor.normal.high, sensor.alarm.low, sensor.alarm.high].filter((one) => one != null);
      const least = Math.min(...near), most = Math.max(...near), room = (most - least || 1) * 0.08;
      return [least - room, most + room];
    };
  }

  function draw(figureElement, sensor, trend, around) {
    const plotElement = figureElement.querySelector(".plot");
    plotElement.replaceChildren();
    const evidence = around.evidence.find((one) => one.sensor === sensor.sensor);
    const axis = { stroke: colour("--text"), grid: { stroke: colour("--line"), width: 0.5 }, ticks: { stroke: colour("--line") }, font: "14px system-ui, sans-serif" };
    const long = trend.end - trend.start > 100000;
    const values = (plot, value) => (value == null ? "–" : `${figure(value)} ${sensor.unit}`);
    // Gaps are drawn as gaps: a line across them would tell of readings that nobody has.
    const data = [[], [], [], []];
    let gaps = trend.gaps.slice();
    sensor.at.forEach((at, index) => {
      while (gaps.length && gaps[0][0] < at) { data[0].push(gaps[0][0]); for (const row of [1, 2, 3]) data[row].push(null); gaps.shift(); }
      data[0].push(at); data[1].push(sensor.low[index]); data[2].push(sensor.high[index]); data[3].push(sensor.mean[index]);
    });
    return new uPlot({
      width: plotElement.clientWidth, height: 200, class: "trend-plot",
      scales: { x: { range: [trend.start, trend.end] }, y: { range: range(sensor) } },
      axes: [{ ...axis, space: long ? 110 : 60, values: (plot, splits) => splits.map((at) => (long ? day : hour).format(at * 1000)) }, { ...axis, size: 64 }],
      series: [
        { label: "at", value: (plot, at) => (at == null ? "–" : full.format(at * 1000)) }, { label: "least", stroke: colour("--edge"), width: 1, value: values, points: { show: false } },
        { label: "most", stroke: colour("--edge"), width: 1, value: values, points: { show: false } },
        { label: "mean", stroke: colour("--text"), width: 2, value: values, points: { show: data[0].length < 30 } },
      ],
      bands: [{ series: [2, 1], fill: colour("--line") }],
      hooks: { drawAxes: [underlay(sensor, evidence, around.span, around.marks)] },
    }, data, plotElement);
  }

  function frame(sensor, trend) {
    const element = document.createElement("figure");
    element.className = "trend";
    const caption = document.createElement("figcaption");
    caption.textContent = `${sensor.sensor.replaceAll("_", " ")}: ${figure(sensor.least)} to ${figure(sensor.most)} ${sensor.unit}, mean ${figure(sensor.average)}${trend.resolution === "raw" ? "" : ", by the minute"}`;
    const plot = document.createElement("div");
    plot.className = "plot";
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", caption.textContent);
    element.append(caption, plot);
    return element;
  }

  async function show(element) {
    let trend;
    try {
      const answer = await fetch(element.dataset.trend, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`${answer.status}`);
      trend = await answer.json();
    } catch (error) {
      const text = document.createElement("p"); text.className = "problem"; text.textContent = `The trend cannot be shown now (${error.message}).`;
      element.replaceChildren(text);
      return;
    }
    const from = Date.parse(element.dataset.from ?? "") / 1000;
    const lasted = Number(element.dataset.for ?? 0);
    const around = {
      evidence: JSON.parse(element.dataset.evidence ?? "[]"), marks: JSON.parse(element.dataset.marks ?? "[]"),
      span: Number.isNaN(from) ? null : [from, element.dataset.lasts === "yes" ? trend.end : from + lasted],
    };
    const drawAll = () => {
      element.replaceChildren();
      for (const sensor of trend.sensors) {
        const one = frame(sensor, trend);
        element.append(one);
        if (sensor.at.length) draw(one, sensor, trend, around);
        else one.querySelector(".plot").textContent = "No readings in this time.";
      }
    };
    drawAll();
    document.addEventListener("theme", drawAll);
    let width = innerWidth;
    addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawAll(); } });
  }
  document.querySelectorAll(".trends").forEach(show);
})();
