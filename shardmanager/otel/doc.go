// Package otel makes spans of OpenTelemetry: of events, from the socket to the end of each handler, and of send events, from the call to the answer.
//
//	m, err := shardmanager.New(token, shardmanager.WithTracer(otel.New(provider)))
//
// An event is a trace: "receive MESSAGE_CREATE", from when its last byte was read until its first handler is called, and below it one
// "process MESSAGE_CREATE" for each handler, until that returns. A handler's context carries its span, so what it does with that
// context is below it: spans of its own, a REST call, and "send request_guild_members", which is an event that the bot sends.
//
// Which traces are kept the provider's sampler decides; WithEvery and WithTypes choose before it is asked, which costs less. Of an event that is not
// kept no handler has a span.
//
// Spans say what, where and how long: types, shards, sequences, handlers, outcomes. Nothing of what is in an event, no token, no session id, no id of a guild or
// user, and no error's text is ever in them. A handler may add to its own span what it thinks fit, by trace.SpanFromContext. Types of events
// that the library does not know are "unknown".
//
// The package imports the API of OpenTelemetry alone. The SDK, exporters and samplers are the program's. docs/operations/traces.md lists all spans and attributes.
package otel
