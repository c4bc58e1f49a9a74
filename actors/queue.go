package actors

import "container/heap"

// queue is a heap: who goes before the others is first.
type queue []*request

// add lets a request wait. Most are alone.
func (q *queue) add(r *request) {
	if len(*q) > 0 {
		heap.Push(q, r)
		return
	}
	*q = append(*q, r)
}

// take takes the next one.
func (q *queue) take() *request {
	if len(*q) > 1 {
		return heap.Pop(q).(*request)
	}
	return q.Pop().(*request)
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].before(q[j]) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(r any)        { *q = append(*q, r.(*request)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	r := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return r
}
