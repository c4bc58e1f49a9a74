package spare

import "testing"

func TestRoom(*testing.T) { Room(1) }
