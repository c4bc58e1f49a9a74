// Package dashboard shows what the shards of a [shardmanager.Manager] do, on a page in a browser: it is an http.Handler that a program mounts where it likes.
//
//	d, err := dashboard.New(m)
//	defer d.Close()
//	http.Handle("/shards/", d)
//	err = http.ListenAndServe("127.0.0.1:8080", nil)
//
// It reads the Manager once a second, and holds up nothing of it. Unless WithControl is given it changes nothing. Without WithToken or WithAuthentication it answers this
// machine alone. It never shows the bot's token, a session's id, a resume URL, or contents of events. docs/operations/dashboard.md tells the rest.
package dashboard
