// What is shown of one shard.
import { at, clock, count, fill, make, nameOf, some, span } from './words.js'
import { Refused, ask } from './stream.js'
import { figure, bars, latencies } from './plots.js'
import { grid, keyAt, wordOf } from './grid.js'
import { verbsOf } from './verbs.js'

let shown // its key; undefined: none is
let asking
let again
const figures = { latency: figure('Heartbeat latency', [['events', 'latest']]), sent: figure('Sent in the last minute', [['done', 'used']]) }
const facts = make('dl', '', 'facts')
const queues = make('tbody')
const moves = make('ol', '', 'list', 'moves')
const verbs = make('div', '', 'row')
const why = make('p', '', 'why')
const movesNone = make('p', 'The Manager tells the moves of shards that serve alone.', 'faint')

function table() {
  const t = make('table'), head = make('tr')
  for (const name of ['Queue', 'Waits', 'Peak', 'Limit', 'Shed']) {
    const th = make('th', name)
    th.scope = 'col'
    head.append(th)
  }
  const thead = make('thead')
  thead.append(head)
  t.append(thead, queues)
  return t
}

at('shard-body').append(why, verbs, facts, figures.latency, figures.sent, make('h3', 'Queues'), table(), make('h3', 'Latest moves'), moves, movesNone)

export function show(place, move) {
  const before = shown
  shown = place < 0 ? undefined : keyAt(place)
  // What is told of another shard, and its buttons, are not to stand below this one's name.
  at('shard-body').classList.toggle('stale', !before || !shown || nameOf(before) !== nameOf(shown) || at('shard-body').classList.contains('stale'))
  at('shard-none').hidden = Boolean(shown)
  at('shard-close').hidden = !shown
  at('shard').classList.toggle('open', Boolean(shown))
  clearTimeout(again)
  asking?.abort()
  if (!shown) {
    at('shard-body').hidden = true
    fill(at('shard-title'), 'No shard is chosen')
    return
  }
  fill(at('shard-title'), `Shard ${nameOf(shown)}`)
  if (move || matchMedia('(max-width: 60rem)').matches) {
    at('shard').focus({ preventScroll: true })
    at('shard').scrollIntoView({ block: 'nearest', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' })
  }
  return refresh()
}

export async function refresh() {
  clearTimeout(again)
  asking?.abort()
  const key = shown, stop = asking = new AbortController()
  if (!key) return
  try {
    const answer = await ask(`shard?index=${key.index}&total=${key.total}&generation=${key.generation}`, { signal: stop.signal })
    const told = await answer.json()
    if (key === shown) render(told)
  } catch (problem) {
    if (stop.signal.aborted) return
    if (key === shown && problem instanceof Refused) refused(problem.message)
  }
  if (key === shown && !document.hidden) again = setTimeout(refresh, 1000)
}
document.addEventListener('visibilitychange', () => { if (!document.hidden && shown) refresh() })

// refused says why nothing is told of a shard, such as one that has gone.
function refused(text) {
  pairs(facts, [])
  rows(queues, [])
  for (const each of [verbs, moves]) each.replaceChildren()
  delete verbs.dataset.for
  for (const each of [figures.latency, figures.sent, movesNone]) each.hidden = true
  fill(why, text)
  why.hidden = false
  at('shard-body').hidden = false
  at('shard-body').classList.remove('stale')
}

function render(s) {
  at('shard-body').hidden = false
  at('shard-body').classList.remove('stale')
  at('shard-body').dataset.state = s.state
  const ago = when => when ? `${span(Math.max(s.now - when, 0))} ago` : '–'
  fill(why, s.cause ? `${s.ended || s.quarantined ? 'It has ended' : 'Why'}: ${s.cause}${s.causeSince ? ` (since ${span(Math.max(s.now - s.causeSince, 0))})` : ''}` : '')
  why.hidden = !s.cause
  const list = [['State', `${wordOf(s.look)}${s.since ? `, for ${span(Math.max(s.now - s.since, 0))}` : ''}`]]
  if (s.mode !== 'run') list.push(['Wanted', `to ${s.mode}`])
  if (s.role !== 'serving') list.push(['Role', s.role])
  if (s.retry) list.push(['Connects again', `in ${span(Math.max(s.retry - s.now, 0))}`])
  if (s.state === 'Queued') list.push(['In the queue', s.place ? `place ${s.place}${s.expected ? `, in ${span(Math.max(s.expected - s.now, 0))}` : ''}` : 'not known'])
  list.push(['Guilds', count(s.guilds)], ['Latest event', ago(s.lastEvent)], ['Sequence', count(s.seq)],
    ['Latency', s.latencyAt ? `${s.latency} ms, ${ago(s.latencyAt)}` : '–'], ['Connections', count(s.conn)], ['Sessions begun', count(s.identifies)], ['Resumed', some(s.resumes, 'time', 'times')])
  if (s.crashes) list.push(['Crashes', count(s.crashes)])
  if (s.odd) list.push(['Odd payloads', count(s.odd)])
  pairs(facts, list)
  latencies(figures.latency, s.latencies)
  figures.sent.hidden = !s.sent
  if (s.sent) bars(figures.sent, s.sent, s.sendLimit)
  rows(queues, s.queues.map(q => [q.name.replaceAll('_', '_\u200b'), count(q.depth), q.high ? count(q.high) : '–', count(q.limit), count(q.shed)]))
  const told = s.moves.map(m => `${clock(m.at)} ${m.from} → ${m.to}${m.lost ? ', session given up' : ''}${m.cause ? `: ${m.cause}` : ''}`)
  if (moves.childElementCount !== told.length || moves.firstChild?.textContent !== told[0]) {
    moves.replaceChildren(...told.map((text, i) => make('li', text, ...(s.moves[i].cause ? ['bad'] : []))))
  }
  movesNone.hidden = s.moves.length > 0
  verbsOf(verbs, s)
  performance.clearMarks('shard')
  performance.mark('shard')
}

// pairs fills a list of names and values, and touches what has changed alone.
export function pairs(list, all) {
  while (list.children.length > all.length) list.lastChild.remove()
  all.forEach(([name, value], i) => {
    let pair = list.children[i]
    if (!pair) {
      pair = make('div')
      pair.append(make('dt'), make('dd'))
      list.append(pair)
    }
    fill(pair.firstChild, name)
    fill(pair.lastChild, value)
  })
}

// rows fills the body of a table; the first cell of each row is its heading.
export function rows(body, all, first) {
  while (body.children.length > all.length) body.lastChild.remove()
  all.forEach((cells, i) => {
    let row = body.children[i]
    if (!row) {
      row = make('tr')
      cells.forEach((_, n) => {
        const cell = make(n === 0 ? 'th' : 'td')
        if (n === 0) cell.scope = 'row'
        if (n === 0 && first) cell.append(first(row))
        row.append(cell)
      })
      body.append(row)
    }
    cells.forEach((text, n) => fill(n === 0 && first ? row.children[0].firstChild : row.children[n], text))
  })
}
