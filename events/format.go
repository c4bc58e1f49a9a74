package events

import "fmt"

// Format prints the event as fmt would with %v, whatever the verb: of a value that does not fit
// its verb fmt shows what is inside, secrets too.
func (e Ready) Format(f fmt.State, _ rune) {
	type plain Ready
	fmt.Fprintf(f, fmt.FormatString(f, 'v'), plain(e))
}
