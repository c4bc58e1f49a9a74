// Package soak runs bots as processes of their own, in real time, against a simulated gateway on a
// port of this machine: some are killed at any instant, one lives long beside handlers that block
// for ever, one reshards again and again. That it does in virtual time too, and with thousands of
// shards. It has tests alone, which are short unless their flags say otherwise.
package soak
