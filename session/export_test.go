package session

// What tests in the external package look at.

type Replies = replies

func (r *replies) Len() int { return len(r.pending) }

var Answered = answered
