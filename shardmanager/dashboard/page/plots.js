// Small plots, as SVG.
import { make } from './words.js'

const space = 'http://www.w3.org/2000/svg'
const width = 300, height = 64

function node(name, attributes) {
  const n = document.createElementNS(space, name)
  for (const [key, value] of Object.entries(attributes)) n.setAttribute(key, value)
  return n
}

// round is a number of a scale that is not less than n.
function round(n) {
  const power = 10 ** Math.floor(Math.log10(Math.max(n, 1)))
  return [1, 2, 5, 10].map(f => f * power).find(each => each >= n) ?? 10 * power
}

// draw fills a figure with lines of points, each [x, y], x from 0 to 1. It says in words what it shows.
function draw(figure, lines, { top, about }) {
  const svg = figure.querySelector('svg')
  svg.replaceChildren(node('line', { x1: 0, y1: height - 0.5, x2: width, y2: height - 0.5, class: 'axis' }), node('line', { x1: 0, y1: 8.5, x2: width, y2: 8.5, class: 'axis faint' }))
  for (const { points, name } of lines) {
    const at = points.map(([x, y]) => `${(x * width).toFixed(1)},${(height - 1 - (y / top) * (height - 10)).toFixed(1)}`)
    svg.append(node('polyline', { points: at.join(' '), class: name }))
    if (points.length === 1) svg.append(node('circle', { cx: points[0][0] * width, cy: at[0].split(',')[1], r: 2, class: name }))
  }
  svg.setAttribute('aria-label', about)
  figure.querySelector('.top').textContent = top >= 1000 ? `${top / 1000} k` : String(top)
}

// figure is an empty plot.
export function figure(title, names) {
  const f = make('figure')
  const caption = make('figcaption')
  caption.append(make('span', title, 'what'))
  for (const [name, text] of names) {
    const item = make('span', '', 'series')
    item.append(make('i', '', name), `${text} `, make('b', '–'))
    caption.append(item)
  }
  const svg = node('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title, preserveAspectRatio: 'none' })
  f.append(caption, svg, make('span', '', 'top'))
  return f
}

const kept = 300 // as the dashboard keeps
const plots = [
  { title: 'Events a second', names: [['events', 'received']] },
  { title: 'Connections a second', names: [['lost', 'lost'], ['resumed', 'resumed'], ['begun', 'new sessions']] },
  { title: 'Send events a second', names: [['done', 'done'], ['failed', 'failed']], sends: true },
]
let points = []

export function begin(all, where) {
  points = all
  where.replaceChildren(...plots.map(plot => plot.figure = figure(plot.title, plot.names)))
}

export function add(point, sends) {
  points.push(point)
  if (points.length > kept) points.shift()
  for (const { title, names, figure, sends: ofSends } of plots) {
    figure.hidden = Boolean(ofSends) && !sends
    if (figure.hidden) continue
    const top = round(Math.max(...points.map(each => Math.max(...names.map(([name]) => each[name])))))
    const lines = names.map(([name]) => ({ name, points: points.map((each, i) => [(kept - points.length + i) / (kept - 1), each[name]]) }))
    const latest = names.map(([name, text]) => `${point[name]} ${text}`).join(', ')
    draw(figure, lines, { top, about: `${title}: now ${latest}; at most ${top} in the last five minutes` })
    figure.querySelectorAll('b').forEach((b, i) => { b.textContent = point[names[i][0]] })
  }
}

// latencies draws a shard's, each [when, ms].
export function latencies(f, all) {
  f.hidden = all.length === 0
  if (f.hidden) return
  const top = round(Math.max(...all.map(([, ms]) => ms)))
  const from = all[0][0], length = Math.max(all.at(-1)[0] - from, 1)
  draw(f, [{ name: 'events', points: all.map(([when, ms]) => [all.length === 1 ? 0.5 : (when - from) / length, ms]) }], { top, about: `Heartbeat latency: now ${all.at(-1)[1]} ms, at most ${top} ms` })
  f.querySelector('b').textContent = `${all.at(-1)[1]} ms`
}

// bars draws what was sent in each of the last 60 seconds.
export function bars(f, sent, limit) {
  const total = sent.reduce((sum, n) => sum + n, 0), top = Math.max(...sent, 1)
  const svg = f.querySelector('svg')
  svg.replaceChildren(node('line', { x1: 0, y1: height - 0.5, x2: width, y2: height - 0.5, class: 'axis' }))
  sent.forEach((n, i) => { if (n) svg.append(node('rect', { x: i * width / 60 + 0.5, width: width / 60 - 1, y: height - n / top * (height - 8), height: n / top * (height - 8), class: 'done' })) })
  svg.setAttribute('aria-label', `Sent in the last minute: ${total} of ${limit}`)
  f.querySelector('.top').textContent = String(top)
  f.querySelector('b').textContent = `${total} of ${limit}`
}
