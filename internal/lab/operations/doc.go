// Package operations judges what docs/operations has for Prometheus and Grafana: it reads the alert rules and the dashboard with Prometheus' own parser,
// and lives through the fault of each alert with a bot in virtual time. It has tests alone, in a module of its own, since Prometheus brings some hundred modules.
package operations
