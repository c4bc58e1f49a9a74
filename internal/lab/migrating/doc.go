// Package migrating holds bots of other libraries beside the same bots of this one. The pages of docs/migrating quote them: the test compares.
//
// Each bot answers "!ping" with "pong" and "!count" with the number of members of the guild, and shows a presence. What is called Before is compiled. What is
// called After is compiled and run, on the simulated gateway and with the other library's own REST client.
package migrating
