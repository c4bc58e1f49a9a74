// How things are said.
export const at = id => document.getElementById(id)

export function make(name, text = '', ...classes) {
  const node = document.createElement(name)
  if (text !== '') node.textContent = text
  node.classList.add(...classes)
  return node
}

// span is a time in words: "12 s", "3 min 4 s", "2 h 5 min".
export function span(ms) {
  if (ms < 0) return 'not known'
  if (ms < 1000) return `${Math.round(ms)} ms`
  const s = Math.floor(ms / 1000)
  if (s < 60) return `${s} s`
  const min = Math.floor(s / 60)
  if (min < 60) return s % 60 && min < 10 ? `${min} min ${s % 60} s` : `${min} min`
  const h = Math.floor(min / 60)
  if (h < 24) return min % 60 ? `${h} h ${min % 60} min` : `${h} h`
  return h % 24 ? `${Math.floor(h / 24)} d ${h % 24} h` : `${Math.floor(h / 24)} d`
}

const digits = new Intl.NumberFormat('en', { useGrouping: true })
export const count = n => digits.format(n)
export const some = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`
export const clock = ms => new Date(ms).toLocaleTimeString('en-GB')
export const nameOf = s => s.generation ? `${s.index}/${s.total}#${s.generation}` : `${s.index}/${s.total}`

// fill replaces what a node has only where that is another thing, so that a reader is not disturbed.
export function fill(node, text) {
  if (node.textContent !== text) node.textContent = text
}
