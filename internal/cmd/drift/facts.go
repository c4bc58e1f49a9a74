package main

import "strings"

// factSet is what facts.mjs prints.
type factSet struct {
	Version string
	Events  map[string]desc
	Sends   map[string]desc
	Types   map[string]struct {
		Name   string
		Fields map[string]fact
	}
	Enums map[string]map[string]any // name → member → value
}

type fact struct {
	Type     desc
	Optional bool
	Nullable bool
}

// desc describes a type: an object by reference, an array, map, tuple or union by its elements.
type desc struct {
	Kind, Name, Ref string
	Of              list
	Only            any
}

// list is one desc or several.
type list []desc

// String is short, for a line of the report.
func (d desc) String() string {
	var parts []string
	for _, one := range d.Of {
		parts = append(parts, one.String())
	}
	switch d.Kind {
	case "enum":
		return d.Name
	case "array", "tuple", "map", "union":
		return d.Kind + "(" + strings.Join(parts, ", ") + ")"
	}
	return d.Kind
}
