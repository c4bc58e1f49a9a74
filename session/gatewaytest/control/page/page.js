// The page of the port: it shows what the port tells, and makes its buttons and help of GET /orders.
const at = id => document.getElementById(id)
const make = (name, text, ...classes) => {
  const node = document.createElement(name)
  node.textContent = text
  node.classList.add(...classes)
  return node
}
const kept = 200 // lines of a log

let token = sessionStorage.getItem('token') ?? ''
let orders = []

async function ask(path, init = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {}
  const answer = await fetch(path, { ...init, headers })
  if (answer.status === 401) {
    at('entry').hidden = false
    throw new Error('the port asks for its token')
  }
  return answer
}
const view = async path => (await ask(path)).json()

// Orders.

// chosen are the shards that are, by their total: a bot that changes its number of shards has several.
function chosen() {
  const totals = new Map()
  for (const box of document.querySelectorAll('#shards input')) {
    const [shard, total] = box.value.split('/').map(Number)
    const of = totals.get(total) ?? totals.set(total, { boxes: 0, some: [] }).get(total)
    of.boxes++
    if (box.checked) of.some.push(shard)
  }
  return [...totals].filter(([, { some }]) => some.length > 0)
    .map(([total, { boxes, some }]) => ({ shard: some.length === boxes ? 'all' : some, total }))
}

function say(text, bad) {
  at('answer').textContent = text
  at('answer').classList.toggle('violation', bad)
}

async function send(body) {
  try {
    const answer = await ask('orders', { method: 'POST', body })
    const { done, errors = [] } = await answer.json()
    say([...errors, ...done].map(each => JSON.stringify(each)).join('\n'), !answer.ok)
  } catch (error) {
    say(String(error), true)
  }
  refresh()
}

const takes = (order, name) => order.fields.some(field => field.name === name)

// quick is what a button orders: of the shards that are chosen, with what the page says.
function quick(order) {
  const given = { do: order.do }
  for (const [name, id] of [['for', 'length'], ['content', 'content']]) {
    if (takes(order, name)) given[name] = at(id).value
  }
  return JSON.stringify(takes(order, 'shard') ? chosen().map(some => ({ ...given, ...some })) : given)
}

function describe() {
  const order = orders.find(each => each.do === at('do').value)
  const given = { do: order.do }
  at('help').textContent = order.help
  at('fields').replaceChildren()
  for (const { name, allowed, required, help } of order.fields) {
    at('fields').append(make('dt', required ? `${name} *` : name), make('dd', `${allowed}: ${help}`))
    if (name === 'shard') Object.assign(given, chosen()[0] ?? { shard: 'all' })
    else if (required) given[name] = ''
  }
  at('json').value = JSON.stringify(given)
}

function count() {
  const all = document.querySelectorAll('#shards input').length
  const n = document.querySelectorAll('#shards input:checked').length
  at('every').checked = n > 0 && n === all
  at('every').indeterminate = n > 0 && n < all
  at('chosen').textContent = n ? `${n} of ${all} shards are chosen` : 'Choose shards to give them orders.'
  for (const button of document.querySelectorAll('#buttons button[data-shard]')) button.disabled = n === 0
}

// What there is.

const rows = new Map()

function show(shards) {
  const there = new Set()
  for (const s of shards) {
    const key = s.shard.join('/')
    there.add(key)
    let row = rows.get(key)
    if (!row) {
      const box = make('input', '')
      box.type = 'checkbox'
      box.value = key
      box.setAttribute('aria-label', `choose shard ${key}`)
      box.addEventListener('change', count)
      const first = make('td', '')
      first.append(box)
      const name = make('th', key)
      name.scope = 'row'
      row = { node: make('tr', ''), cells: Array.from({ length: 5 }, () => make('td', '')) }
      row.node.append(first, name, ...row.cells)
      rows.set(key, row)
    }
    const more = [s.muted && 'muted', s.frozen && 'frozen', s.lag && `${s.lag} late`].filter(Boolean)
    const texts = [[s.state, ...more].join(', '), s.session, s.conn ?? '–', s.seq, s.guilds[0] ?? '–']
    row.cells.forEach((cell, i) => { if (cell.textContent !== String(texts[i])) cell.textContent = texts[i] })
    row.cells[0].className = s.state
  }
  for (const [key, row] of rows) {
    if (!there.has(key)) rows.delete(key), row.node.remove()
  }
  const nodes = shards.map(s => rows.get(s.shard.join('/')).node)
  if (nodes.some((node, i) => at('shards').children[i] !== node)) at('shards').replaceChildren(...nodes)
  at('none').hidden = shards.length > 0
  count()
}

function tally(stats) {
  at('count').textContent = `(${stats.violations})`
  at('stats').replaceChildren(...Object.entries(stats).map(([name, n]) => {
    const pair = make('div', '')
    pair.append(make('dt', name.replaceAll('_', ' ')), make('dd', n))
    return pair
  }))
}

let waiting = false

// refresh asks for what changes too often to be told, at most twice a second.
function refresh() {
  if (waiting) return
  waiting = true
  setTimeout(async () => {
    waiting = false
    try {
      const [shards, stats] = await Promise.all([view('shards'), view('stats')])
      show(shards)
      tally(stats)
    } catch { /* the events tell that the link is lost */ }
  }, 500)
}

// What happens.

const clock = at => new Date(at).toISOString().slice(11, 23)
const line = e => [clock(e.at ?? Date.now()), e.shard && `shard ${e.shard.join('/')}`, e.change, e.code, e.text].filter(Boolean).join(' ')

function add(list, text, ...classes) {
  list.prepend(make('li', text, ...classes))
  while (list.children.length > kept) list.lastChild.remove()
}

function hear(name, e) {
  if (name === 'missed') add(at('log'), `${clock(Date.now())} this page was too slow for ${e.count} lines`)
  else add(at('log'), line(e), name)
  if (name === 'violation') add(at('violations'), line(e))
  refresh()
}

async function listen() {
  const answer = await ask('events')
  at('link').textContent = 'connected: what happens is shown as it does'
  at('violations').replaceChildren()
  for (const v of await view(`violations?last=${kept}`)) add(at('violations'), line(v))
  refresh()
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  for (let text = ''; ;) {
    const { value, done } = await reader.read()
    if (done) throw new Error('the port was closed')
    const events = (text + value).split('\n\n')
    text = events.pop()
    for (const event of events) {
      const [, name, data] = event.match(/^event: (.*)\ndata: (.*)$/) ?? []
      if (name) hear(name, JSON.parse(data))
    }
  }
}

async function begin() {
  orders = await view('orders')
  at('entry').hidden = true
  at('do').replaceChildren(...orders.map(order => make('option', order.do)))
  at('buttons').replaceChildren(...orders.filter(order => order.quick).map(order => {
    const button = make('button', order.do.replaceAll('-', ' '))
    button.title = order.help
    if (takes(order, 'shard')) button.dataset.shard = ''
    button.addEventListener('click', () => send(quick(order)))
    return button
  }))
  describe()
  count()
}

async function live() {
  for (;;) {
    try {
      if (orders.length === 0) await begin()
      await listen()
    } catch (error) {
      at('link').textContent = `not connected: ${error.message}; trying again`
      if (!at('entry').hidden) return
    }
    await new Promise(resolve => setTimeout(resolve, 2000))
  }
}

at('entry').addEventListener('submit', event => {
  event.preventDefault()
  token = at('token').value
  sessionStorage.setItem('token', token)
  at('entry').hidden = true
  live()
})
at('order').addEventListener('submit', event => {
  event.preventDefault()
  send(at('json').value)
})
at('do').addEventListener('change', describe)
at('every').addEventListener('change', () => {
  for (const box of document.querySelectorAll('#shards input')) box.checked = at('every').checked
  count()
})
setInterval(refresh, 5000) // sequences and numbers change without a word
live()
