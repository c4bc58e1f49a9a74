// What can be done to shards, where that is allowed.
import { at, fill, make, nameOf } from './words.js'
import { Refused, ask, keep, tokens } from './stream.js'

export const allowed = document.documentElement.dataset.control === 'true'
const flight = document.documentElement.dataset.flight === 'true'
export const done = { hear: () => {} }

const verbs = [
  { verb: 'restart', name: 'Restart', text: s => `Shard ${s} gives up its connection and resumes its session on a new one. No event is lost.`, when: s => s.mode === 'run' },
  { verb: 'reidentify', name: 'New session', text: s => `Shard ${s} gives up its session and begins another. That costs one Identify of the day's budget, and events that are not delivered yet are lost.`, when: s => s.mode === 'run' },
  { verb: 'pause', name: 'Pause', text: s => `Shard ${s} is without a connection until it is unpaused. Discord keeps its session for a few minutes; after that it costs an Identify.`, when: s => s.mode === 'run' },
  { verb: 'drain', name: 'Drain', text: s => `Shard ${s} takes no more send events, and stops when those that were written have their answers.`, when: s => s.mode === 'run' },
  { verb: 'unpause', name: 'Unpause', text: s => `Shard ${s} runs again.`, when: s => ['pause', 'drain', 'stop'].includes(s.mode) },
]

// verbsOf fills a row with what can be done to a shard.
export function verbsOf(row, s) {
  row.hidden = !allowed || s.role !== 'serving'
  if (row.hidden) return
  const list = verbs.filter(each => each.when(s)), for_ = `${nameOf(s)} ${list.map(each => each.verb)}`
  if (row.dataset.for === for_) return
  row.dataset.for = for_
  row.replaceChildren(...list.map(({ verb, name, text }) => {
    const button = make('button', name)
    button.type = 'button'
    button.addEventListener('click', () => confirm(`${name}?`, text(nameOf(s)), { verb, shards: [s.index] }))
    return button
  }))
  if (!flight) return
  const button = make('button', 'Flight record')
  button.type = 'button'
  button.addEventListener('click', () => {
    pending = { shard: s }
    if (tokens.control) order(pending).catch(problem => say(problem.message))
    else confirm('Flight record?', `A file of what shard ${nameOf(s)} has read, written and done in the last minutes, without contents.`, pending)
  })
  row.append(button)
}

// download fetches what the flight recorder has of a shard, and gives it to the browser as a file.
async function download(s) {
  const answer = await ask(`flight?index=${s.index}&total=${s.total}&generation=${s.generation}`, {}, tokens.control)
  const link = make('a', '')
  link.href = URL.createObjectURL(await answer.blob())
  link.download = `flight-${s.index}-of-${s.total}.jsonl`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

const order = body => body.shard ? download(body.shard) : ask('do', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }, tokens.control)

let pending
export function confirm(title, text, body) {
  pending = body
  fill(at('ask-title'), title)
  fill(at('ask-text'), text)
  fill(at('ask-why'), '')
  at('ask-field').hidden = Boolean(tokens.control)
  at('ask-token').value = ''
  at('ask').showModal()
  ;(tokens.control ? at('ask-no') : at('ask-token')).focus()
}

async function go() {
  const given = at('ask-token').value
  if (!tokens.control && !given) {
    fill(at('ask-why'), 'Changes need the token of WithControl.')
    at('ask-token').focus()
    return
  }
  if (!tokens.control) keep('control', given)
  at('ask-yes').disabled = true
  try {
    await order(pending)
    at('ask').close()
    say(`${at('ask-title').textContent.replace('?', '')}: it was taken on.`)
  } catch (problem) {
    if (problem instanceof Refused && problem.status === 401) {
      keep('control', '')
      at('ask-field').hidden = false
      at('ask-token').focus()
    }
    fill(at('ask-why'), problem instanceof Refused ? problem.message : 'There was no answer: look whether it was done before asking again.')
  } finally {
    at('ask-yes').disabled = false
    done.hear()
  }
}

let silence
export function say(text) {
  at('say').classList.remove('hidden')
  fill(at('say'), text)
  clearTimeout(silence)
  silence = setTimeout(() => { at('say').classList.add('hidden'); fill(at('say'), '') }, 6000)
}

at('ask-yes').addEventListener('click', go)
at('ask-no').addEventListener('click', () => at('ask').close())
at('ask-token').addEventListener('keydown', event => { if (event.key === 'Enter') go() })
at('fleet-verbs').hidden = !allowed
at('rolling').addEventListener('click', () => confirm('Rolling restart?', 'All shards that run here restart, one after another, after a canary. Each session is resumed on a new connection. It stops at the first shard that does not come back.', { verb: 'rolling' }))
at('abort').addEventListener('click', () => confirm('Abort the rolling restart?', 'Shards that are under way come back; no more are restarted.', { verb: 'abort' }))
