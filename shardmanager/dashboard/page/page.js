// The page: it hears what the stream tells, and shows it.
import { at, clock, count, fill, make, nameOf, some, span } from './words.js'
import { Refused, ask, follow, keep } from './stream.js'
import { aboutOf, ageOf, choose, drawAll, flash, grid, keyAt, measure, placeOf, readColours, takeDelta, takeGrid, wordOf } from './grid.js'
import { add, begin } from './plots.js'
import { pairs, refresh, rows, show } from './shard.js'
import { allowed, done, say } from './verbs.js'

const kept = 200 // news
const { stream } = document.documentElement.dataset
let ahead = 0 // the dashboard's clock before ours, in ms
const now = () => Date.now() + ahead
grid.now = now

const hears = {
  hello({ looks, points }) {
    grid.looks = looks
    grid.ready = looks.indexOf('Ready')
    at('legend').replaceChildren(...looks.map((look, i) => {
      const chip = make('button')
      chip.type = 'button'
      chip.setAttribute('aria-pressed', 'false')
      chip.append(make('i', '', `look-${look}`), make('b', '0'), ` ${wordOf(i)}`)
      chip.addEventListener('click', () => filter(grid.filter === i ? -1 : i))
      return chip
    }))
    grid.filter = -1
    readColours()
    begin(points, at('plots'))
  },
  grid(data) { takeGrid(data, now()); show(grid.chosen) },
  delta(data) {
    if (takeDelta(data, now()).includes(grid.chosen)) refresh()
  },
  now(data) { ahead = data.at - Date.now(); summary(data) },
  news({ left, news }) {
    for (const each of news) {
      const place = placeOf(each.index, each.total, each.generation)
      if (place >= 0) flash(place)
      if (place >= 0 && place === grid.chosen) refresh()
      const item = make('li', '', 'bad')
      item.append(make('time', clock(each.at)), ' ', jump(each), ` ${each.from} → ${each.to}${each.lost ? ', session given up' : ''}: ${each.cause}`)
      at('news').prepend(item)
    }
    if (left) at('news').prepend(make('li', `and ${some(left, 'other', 'others')}`, 'faint'))
    while (at('news').childElementCount > kept) at('news').lastChild.remove()
    at('news-none').hidden = true
  },
}

// jump is a button that shows a shard.
function jump(key) {
  const button = make('button', nameOf(key), 'jump')
  button.type = 'button'
  button.addEventListener('click', () => go(placeOf(key.index, key.total, key.generation)))
  return button
}

function go(place, text = 'That shard does not run here.') {
  if (place < 0) return say(text)
  choose(place, true)
}
grid.choose = (place, move) => show(place, move)

function filter(look) {
  grid.filter = look
  ;[...at('legend').children].forEach((chip, i) => chip.setAttribute('aria-pressed', String(i === look)))
  drawAll()
}

let wasReady = true
function summary(s) {
  ;[...at('legend').children].forEach((chip, i) => {
    fill(chip.querySelector('b'), count(s.counts[i]))
    chip.hidden = s.counts[i] === 0 && i !== grid.ready && grid.filter !== i
  })
  const ready = s.counts[grid.ready]
  fill(at('n-ready'), `${count(ready)} of ${count(s.here)}`)
  at('n-ready').classList.toggle('bad', ready < s.here)
  fill(at('n-events'), count(s.point.events))
  fill(at('n-guilds'), count(s.guilds))
  fill(at('n-queued'), count(s.queued))
  fill(at('n-spare'), s.budget ? count(s.budget.spare) : 'not known')
  at('n-spare').classList.toggle('bad', Boolean(s.budget) && s.budget.spare === 0)
  fill(at('n-waiting'), count(s.waiting))
  document.title = `${ready < s.here ? `${s.here - ready} not ready – ` : ''}${document.querySelector('h1').textContent}`
  if (s.ended) fill(at('link'), `The Manager has ended${s.err ? `: ${s.err}` : ''}`)
  if (wasReady !== (ready === s.here) && s.here) {
    wasReady = ready === s.here
    if (!document.hidden) say(wasReady ? 'All shards are Ready.' : `${some(s.here - ready, 'shard is', 'shards are')} not Ready.`)
  }
  add(s.point, s.sends)
  rows(at('queue'), s.queue.map(w => [nameOf(w), w.place ? count(w.place) : '–', span(w.in), span(w.for)]))
  at('queue').parentElement.parentElement.hidden = s.queued === 0
  fill(at('queue-none'), s.queued === 0 ? 'No shard waits.' : s.queued > s.queue.length ? `and ${count(s.queued - s.queue.length)} more` : '')
  budget(s.budget, s.at)
  work(s)
  trouble()
  if (grid.size <= 1100 || s.at % 5000 < 1000) drawAll() // they grow older
}

function budget(b, at_) {
  const where = at('budget')
  if (!b) return where.replaceChildren(make('p', 'Not known yet.', 'faint'))
  if (!where.querySelector('meter')) {
    const meter = make('meter')
    meter.setAttribute('aria-label', 'Identifies left today')
    where.replaceChildren(meter, make('dl', '', 'facts'))
  }
  const meter = where.querySelector('meter')
  Object.assign(meter, { min: 0, max: Math.max(b.total, 1), low: b.reserve, value: b.remaining })
  pairs(where.querySelector('dl'), [
    ['Left today', `${count(b.remaining)} of ${count(b.total)}`], ['In reserve', count(b.reserve)], ['May be spent', count(b.spare)], ['Spent in 24 hours', count(b.spent)],
    ['At once, in 5 s', count(b.maxConcurrency)], ['Whole again', `in ${span(Math.max(b.resetAt - at_, 0))}`], ['Next may identify', b.next ? `in ${span(Math.max(b.next - at_, 0))}` : '–'],
  ])
}

function work({ reshard, rolling, at: when }) {
  at('work').hidden = !reshard && !rolling
  const one = (id, is, text, part) => {
    at(id).hidden = !is
    if (!is) return
    fill(at(id).querySelector('p'), text)
    at(id).querySelector('progress').value = part
  }
  const of = reshard && { warming: ['new shards are ready', reshard.warm, reshard.to], comparing: ['guilds may be cut over', reshard.compared, reshard.guilds] }[reshard.phase]
  const [what, n, all] = of ?? (reshard ? ['guilds are cut over', reshard.cut, reshard.guilds] : [])
  one('work-reshard', reshard, reshard && `Reshard from ${reshard.from} to ${reshard.to} shards, ${reshard.phase}, for ${span(when - reshard.began)}: ${count(n)} of ${count(all)} ${what}${reshard.left > 0 ? `, about ${span(reshard.left)} left` : ''}`, all ? n / all : 0)
  one('work-rolling', rolling, rolling && (rolling.over ? `Rolling restart: ${rolling.err ? `stopped: ${rolling.err}` : `${count(rolling.done)} shards are back: done`}`
    : `Rolling restart, for ${span(when - rolling.began)}: ${rolling.of ? `${count(rolling.done)} of ${count(rolling.of)} shards are back, shard ${rolling.shard} last${rolling.left >= 0 ? `, about ${span(rolling.left)} left` : ''}` : 'the canary is watched'}`),
  rolling?.of ? rolling.done / rolling.of : 0)
  at('abort').hidden = !allowed || !rolling?.own || rolling.over
}

function trouble() {
  const places = []
  for (let i = 0; i < grid.size; i++) if (grid.look[i] !== grid.ready) places.push(i)
  places.sort((x, y) => (grid.since[x] || 0) - (grid.since[y] || 0))
  const first = places.slice(0, 20)
  rows(at('trouble'), first.map(i => [nameOf(keyAt(i)), wordOf(grid.look[i]), Number.isNaN(grid.since[i]) ? '–' : span(Math.max(ageOf(i, now()), 0))]), row => {
    const button = make('button', '', 'jump')
    button.type = 'button'
    button.addEventListener('click', () => {
      const [, index, total, generation] = /(\d+)\/(\d+)(?:#(\d+))?/.exec(row.firstChild.textContent)
      go(placeOf(Number(index), Number(total), Number(generation ?? 0)))
    })
    return button
  })
  at('trouble').parentElement.parentElement.hidden = places.length === 0
  fill(at('trouble-none'), places.length === 0 ? 'All shards are Ready.' : places.length > first.length ? `and ${count(places.length - first.length)} more` : '')
}

// How the link stands.

function link(how, why) {
  document.body.dataset.link = how
  if (how === 'live') fill(at('link'), 'Live')
  if (how === 'lost') fill(at('link'), `Not connected: trying again${why ? ` (${why})` : ''}`)
  if (how === 'ended' && !at('link').textContent.startsWith('The Manager')) fill(at('link'), 'The dashboard has ended')
  if (how !== 'token') return
  fill(at('link'), 'A token is needed')
  at('entry').hidden = false
  if (document.body.dataset.asked) fill(at('entry-why'), 'That token is not accepted.')
  at('token').focus()
  return new Promise(given => {
    at('entry').onsubmit = event => {
      event.preventDefault()
      document.body.dataset.asked = 'yes'
      keep('look', at('token').value)
      at('token').value = ''
      given()
    }
  })
}

follow(stream, (name, data) => {
  if (name === 'hello') {
    at('entry').hidden = true
    link('live')
  }
  hears[name]?.(data)
}, link)

// Forms and the theme.

at('go').addEventListener('submit', event => {
  event.preventDefault()
  const index = Number.parseInt(at('go-index').value, 10)
  fill(at('found'), '')
  go(Number.isNaN(index) ? -1 : placeOf(index), `Shard ${at('go-index').value} does not run here.`)
})

at('find').addEventListener('submit', async event => {
  event.preventDefault()
  try {
    const is = await (await ask(`find?guild=${encodeURIComponent(at('find-guild').value.trim())}`)).json()
    const next = is.next ? ` It goes to shard ${is.next.index}/${is.next.total} in the reshard (${is.next.phase}).` : ''
    fill(at('found'), `The guild is of shard ${nameOf(is)}, which ${is.here ? `runs here: ${is.state}.` : 'does not run here.'}${next}`)
    if (is.here) go(placeOf(is.index, is.total, is.generation))
  } catch (problem) {
    fill(at('found'), problem instanceof Refused ? problem.message : 'There was no answer.')
  }
})

at('shard-close').addEventListener('click', () => {
  const place = grid.chosen
  choose(-1)
  show(-1)
  grid.sets.find(set => place >= set.from && place < set.from + set.count)?.canvas.focus()
})

const html = document.documentElement
at('theme').value = html.dataset.theme ?? 'auto'
at('theme').addEventListener('change', () => {
  const theme = at('theme').value
  if (theme === 'auto') delete html.dataset.theme
  else html.dataset.theme = theme
  try { localStorage.setItem('theme', theme) } catch { /* storage is off */ }
  readColours()
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', readColours)
new ResizeObserver(measure).observe(at('grid'))
done.hear = () => refresh()
Object.assign(window, { dashboard: { grid, aboutOf, placeOf } }) // for tests and the curious
