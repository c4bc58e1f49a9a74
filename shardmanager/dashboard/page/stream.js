// How the page asks, and how it is told.
const under = name => `dashboard ${location.pathname} ${name}` // an origin may have several
export const tokens = { look: sessionStorage.getItem(under('look')) ?? '', control: sessionStorage.getItem(under('control')) ?? '' }

export function keep(name, token) {
  tokens[name] = token
  if (token) sessionStorage.setItem(under(name), token)
  else sessionStorage.removeItem(under(name))
}

export class Refused extends Error {
  constructor(status, text) {
    super(text)
    this.status = status
  }
}

export async function ask(path, init = {}, token = tokens.look || tokens.control) {
  const headers = { ...init.headers }
  if (token) headers.Authorization = `Bearer ${token}`
  const answer = await fetch(path, { ...init, headers, cache: 'no-store' })
  if (answer.ok) return answer
  let text = `status ${answer.status}`
  try { text = (await answer.json()).error } catch { /* it is no answer of the dashboard's */ }
  throw new Refused(answer.status, text)
}

const aliveWithin = 15_000 // it tells something each second

// A page that was left, and may be come back to, would keep its stream: a browser has six connections to an origin, and then nothing is answered any more.
let letGo = () => {}
addEventListener('pagehide', () => letGo())

// follow has hear(name, data) called for all that is told, and says how it stands. It comes again by itself.
export async function follow(path, hear, say) {
  for (let failed = 0; ; failed++) {
    let ended = false
    const stop = new AbortController()
    letGo = () => stop.abort()
    let alarm
    const alive = () => {
      clearTimeout(alarm)
      alarm = setTimeout(() => stop.abort(), aliveWithin)
    }
    try {
      alive()
      const answer = await ask(path, { signal: stop.signal, headers: { Accept: 'text/event-stream' } })
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
      for (let rest = ''; ;) {
        const { value, done } = await reader.read()
        if (done) break
        alive()
        failed = 0
        rest += value
        for (let end; (end = rest.indexOf('\n\n')) >= 0; rest = rest.slice(end + 2)) {
          const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(rest.slice(0, end)) ?? []
          if (name === 'end') ended = true
          else if (name) hear(name, JSON.parse(data), end)
        }
      }
      say(ended ? 'ended' : 'lost')
    } catch (problem) {
      if (problem instanceof Refused && problem.status === 401) {
        await say('token', problem.message)
        failed = -1
        continue
      }
      say('lost', problem instanceof Refused ? problem.message : '')
    } finally {
      clearTimeout(alarm)
      stop.abort()
    }
    const wait = ended ? 10_000 : Math.min(500 * 2 ** failed, 10_000)
    await new Promise(go => setTimeout(go, wait * (0.75 + Math.random() / 2)))
  }
}
