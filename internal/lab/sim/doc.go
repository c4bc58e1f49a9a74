// Package sim runs whole bots against the simulated gateway, in virtual time and under faults
// that a seed decides, and checks what three witnesses have seen against the laws of the house.
//
// A seed makes a Plan: how many shards, what they do, and what goes wrong when. Run carries it
// out with the real Manager, actors and client, on a network and under a dispatcher whose every
// delay and choice the seed decides too, so that the same plan gives the same trace. The gateway,
// the handlers and the callers write that trace, with the network and those who inject faults.
// Check is a pure function from the trace to violations: it never asks the client. What Status says, and what hooks and subscribers
// are told, stands in the trace, to be judged.
package sim
