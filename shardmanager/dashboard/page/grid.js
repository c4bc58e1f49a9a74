// The grid of shards: a canvas for each set of them, and what is known of each shard.
import { at, count, fill, make, nameOf, some, span } from './words.js'

const shapes = { Idle: 'none', Connecting: 'bar', AwaitingHello: 'bar', Queued: 'dot', Identifying: 'bar', Resuming: 'bar', Ready: 'none', Backoff: 'slash', Closed: 'cross',
  Paused: 'pause', Draining: 'pause', Stopped: 'pause', Elsewhere: 'none', Quarantined: 'cross' }
const words = { Idle: 'idle', AwaitingHello: 'awaiting Hello', Elsewhere: 'run elsewhere' }
export const wordOf = look => words[grid.looks[look]] ?? (grid.looks[look] ?? 'unknown').toLowerCase()

export const grid = { looks: [], epoch: -1, size: 0, look: new Uint8Array(0), since: new Float64Array(0), sets: [], ready: 6, filter: -1, chosen: -1, choose: () => {} }
let colours = []
const changed = new Set(), flashing = new Set()
let drawing = 0

// take takes the whole grid.
export function takeGrid({ epoch, sets, looks, ages }, now) {
  const before = grid.chosen >= 0 ? { ...keyAt(grid.chosen) } : undefined
  grid.epoch = epoch
  grid.size = looks.length
  grid.look = Uint8Array.from(looks, c => c.charCodeAt(0) - 97)
  grid.since = new Float64Array(looks.length)
  ages.forEach((age, i) => { grid.since[i] = age < 0 ? NaN : now - 1000 * age })
  grid.sets = []
  let from = 0
  for (const part of sets) {
    const last = grid.sets.at(-1)
    if (last && last.generation === part.generation && last.total === part.total && last.role === part.role) {
      last.parts.push({ ...part, from })
      last.count += part.count
    } else grid.sets.push({ ...part, from, parts: [{ ...part, from }] })
    from += part.count
  }
  build()
  grid.chosen = before ? placeOf(before.index, before.total, before.generation) : -1
}

export function takeDelta({ epoch, is }, now) {
  if (epoch !== grid.epoch) return []
  const places = []
  for (let i = 0; i < is.length; i += 3) {
    change(is[i], is[i + 1], is[i + 2] < 0 ? NaN : now - 1000 * is[i + 2])
    places.push(is[i])
  }
  return places
}

function change(place, look, since) {
  grid.look[place] = look
  grid.since[place] = since
  redraw(place)
}

function redraw(place) {
  changed.add(place)
  drawing ||= requestAnimationFrame(drawChanged)
}

// flash shows for a moment that something went wrong with a shard, which may be Ready again already.
export function flash(place) {
  flashing.add(place)
  redraw(place)
  setTimeout(() => { flashing.delete(place); redraw(place) }, 2000)
}

// keyAt is which shard has a place.
export function keyAt(place) {
  for (const set of grid.sets) {
    for (const part of set.parts) {
      if (place < part.from + part.count) return { index: part.first + (place - part.from) * part.step, total: set.total, generation: set.generation, role: set.role }
    }
  }
}

// placeOf is the place of a shard, or -1. Without a total it is the one that serves.
export function placeOf(index, total, generation) {
  for (const set of grid.sets) {
    if (total === undefined ? set.role !== 'serving' : set.total !== total || set.generation !== generation) continue
    for (const part of set.parts) {
      const n = (index - part.first) / part.step
      if (Number.isInteger(n) && n >= 0 && n < part.count) return part.from + n
    }
  }
  return -1
}

export const ageOf = (place, now) => now - grid.since[place]
export const aboutOf = place => `Shard ${nameOf(keyAt(place))}: ${wordOf(grid.look[place])}${Number.isNaN(grid.since[place]) ? '' : ` for ${span(Math.max(ageOf(place, grid.now()), 0))}`}`
grid.now = Date.now

const sizeOf = n => n <= 64 ? 34 : n <= 256 ? 26 : n <= 1100 ? 18 : n <= 2600 ? 13 : 10

// build makes the canvases.
function build() {
  at('grid').replaceChildren()
  for (const set of grid.sets) {
    const title = make('h3', `${some(set.count, 'shard', 'shards')} of ${count(set.total)}${set.role === 'serving' ? '' : `, ${set.role}`}${set.generation ? `, generation ${set.generation}` : ''}`)
    const canvas = make('canvas')
    const tip = make('p', '', 'tip')
    title.id = `set-${set.from}`
    canvas.tabIndex = 0
    canvas.setAttribute('role', 'slider')
    canvas.setAttribute('aria-labelledby', title.id)
    canvas.setAttribute('aria-describedby', 'keys')
    canvas.setAttribute('aria-valuemin', 0)
    canvas.setAttribute('aria-valuemax', set.count - 1)
    const scroll = make('div', '', 'cells')
    scroll.append(canvas)
    at('grid').append(title, scroll, tip)
    Object.assign(set, { canvas, tip, scroll, cursor: 0, context: canvas.getContext('2d') })
    aim(set, 0)
    canvas.addEventListener('keydown', event => key(set, event))
    canvas.addEventListener('pointermove', event => { const i = under(set, event); fill(tip, i < 0 ? '' : aboutOf(set.from + i)) })
    canvas.addEventListener('pointerleave', () => fill(tip, ''))
    canvas.addEventListener('click', event => { const i = under(set, event); if (i >= 0) { aim(set, i); choose(set.from + i) } })
    canvas.addEventListener('focus', () => { aim(set, set.cursor); draw(set, set.cursor) })
    canvas.addEventListener('blur', () => draw(set, set.cursor))
  }
  measure()
}

// measure fits the canvases to the width that there is.
export function measure() {
  for (const set of grid.sets) {
    const width = set.scroll.clientWidth - 2
    if (width < 20) continue
    set.cell = sizeOf(set.count)
    set.columns = Math.max(Math.min(Math.floor(width / set.cell), set.count), 1)
    const rows = Math.ceil(set.count / set.columns)
    const ratio = Math.min(devicePixelRatio || 1, 2)
    set.canvas.width = set.columns * set.cell * ratio
    set.canvas.height = rows * set.cell * ratio
    set.canvas.style.width = `${set.columns * set.cell}px`
    set.canvas.style.height = `${rows * set.cell}px`
    set.context.setTransform(ratio, 0, 0, ratio, 0, 0)
  }
  drawAll()
  performance.clearMarks('grid')
  if (grid.size) performance.mark('grid')
}

function under(set, event) {
  const box = set.canvas.getBoundingClientRect()
  const x = Math.floor((event.clientX - box.left) / set.cell), y = Math.floor((event.clientY - box.top) / set.cell)
  const i = y * set.columns + x
  return x >= 0 && x < set.columns && i >= 0 && i < set.count ? i : -1
}

// aim moves a set's cursor, and says where it is.
function aim(set, i) {
  set.cursor = i
  set.canvas.setAttribute('aria-valuenow', i)
  set.canvas.setAttribute('aria-valuetext', aboutOf(set.from + i))
}

function key(set, event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: set.columns, ArrowUp: -set.columns, PageDown: 10 * set.columns, PageUp: -10 * set.columns, Home: -set.count, End: set.count }
  let to = set.cursor
  if (event.key in moves) to = Math.max(0, Math.min(set.count - 1, set.cursor + moves[event.key]))
  else if (event.key === 'n' || event.key === 'N') {
    for (let n = 1; n <= set.count; n++) {
      const i = (set.cursor + n) % set.count
      if (grid.look[set.from + i] !== grid.ready) { to = i; break }
    }
  } else if (event.key !== 'Enter' && event.key !== ' ') return
  event.preventDefault()
  const before = set.cursor
  aim(set, to)
  fill(set.tip, aboutOf(set.from + to))
  draw(set, before)
  draw(set, to)
  const top = Math.floor(to / set.columns) * set.cell
  if (top < set.scroll.scrollTop || top + set.cell > set.scroll.scrollTop + set.scroll.clientHeight) set.scroll.scrollTop = top - set.scroll.clientHeight / 2
  if (event.key === 'Enter' || event.key === ' ') choose(set.from + to, true)
}

export function choose(place, move) {
  const before = grid.chosen
  grid.chosen = place
  for (const set of grid.sets) {
    for (const each of [before, place]) if (each >= set.from && each < set.from + set.count) draw(set, each - set.from)
    if (place >= set.from && place < set.from + set.count) aim(set, place - set.from)
  }
  if (place >= 0) grid.choose(place, move)
}

// readColours takes the colours from the legend, where the theme has set them.
export function readColours() {
  colours = [...at('legend').querySelectorAll('i')].map(each => {
    const { backgroundColor, color } = getComputedStyle(each)
    return { ground: backgroundColor, mark: color }
  })
  const body = getComputedStyle(document.body)
  colours.ink = body.color
  colours.bad = getComputedStyle(at('ask-why')).color
  colours.paper = getComputedStyle(at('grid')).backgroundColor
  drawAll()
}

function drawChanged() {
  drawing = 0
  for (const set of grid.sets) for (const place of changed) if (place >= set.from && place < set.from + set.count) draw(set, place - set.from)
  changed.clear()
}

export function drawAll() {
  for (const set of grid.sets) if (set.columns) for (let i = 0; i < set.count; i++) draw(set, i)
}

// drawOlder draws some more shards, which have grown older, so that all are drawn within seconds and a click is not kept waiting.
let older = 0
export function drawOlder() {
  const n = Math.min(Math.max(1000, Math.ceil(grid.size / 10)), grid.size)
  for (let i = 0; i < n; i++) changed.add(older++ % grid.size)
  if (n) drawing ||= requestAnimationFrame(drawChanged)
}

// draw draws a shard: its state by colour and mark, and how new that is by how bright it is.
function draw(set, i) {
  const { context: c, cell, columns } = set
  const place = set.from + i, look = grid.look[place], colour = colours[look]
  if (!colour || !columns) return
  const x = (i % columns) * cell, y = Math.floor(i / columns) * cell, gap = cell > 12 ? 2 : 1, side = cell - gap
  c.globalAlpha = 1
  c.fillStyle = colours.paper
  c.fillRect(x, y, cell, cell)
  const age = ageOf(place, grid.now())
  const dim = grid.filter >= 0 && grid.filter !== look
  c.globalAlpha = dim ? 0.15 : age >= 600_000 || Number.isNaN(age) ? 1 : age >= 60_000 ? 0.72 : 0.92
  c.fillStyle = colour.ground
  c.fillRect(x, y, side, side)
  c.globalAlpha = dim ? 0.3 : 1
  c.strokeStyle = c.fillStyle = colour.mark
  c.lineWidth = cell > 12 ? 2 : 1.4
  c.beginPath()
  const a = x + side * 0.25, b = x + side * 0.75, t = y + side * 0.25, u = y + side * 0.75, m = y + side / 2, h = x + side / 2
  switch (shapes[grid.looks[look]]) {
    case 'bar': c.moveTo(a, m); c.lineTo(b, m); break
    case 'dot': c.fillRect(h - side * 0.15, m - side * 0.15, side * 0.3, side * 0.3); break
    case 'slash': c.moveTo(a, u); c.lineTo(b, t); break
    case 'cross': c.moveTo(a, u); c.lineTo(b, t); c.moveTo(a, t); c.lineTo(b, u); break
    case 'pause': c.moveTo(a + 1, t); c.lineTo(a + 1, u); c.moveTo(b - 1, t); c.lineTo(b - 1, u); break
    case 'none':
      if (cell >= 26 && !dim) {
        c.font = `${cell >= 34 ? 12 : 10}px system-ui, sans-serif`
        c.textAlign = 'center'
        c.textBaseline = 'middle'
        c.fillText(keyAt(place).index, h, m + 1)
      } else if (age < 60_000 && !dim) c.fillRect(x + side - Math.max(side / 3, 3), y, Math.max(side / 3, 3), Math.max(side / 3, 3))
  }
  c.stroke()
  const focused = document.activeElement === set.canvas && set.cursor === i
  if (place === grid.chosen || focused) {
    c.lineWidth = 2
    c.strokeStyle = colours.ink
    c.strokeRect(x + 1, y + 1, side - 2, side - 2)
  } else if (flashing.has(place)) {
    c.lineWidth = 2
    c.strokeStyle = colours.bad
    c.strokeRect(x + 1, y + 1, side - 2, side - 2)
  }
}
