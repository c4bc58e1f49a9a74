package discord

import (
	"bytes"
	"encoding/json"
)

// UnknownComponent is a component of a kind that this package does not know, kept as it came.
type UnknownComponent struct {
	Type ComponentType
	Raw  json.RawMessage
}

// ComponentType is the kind that Discord sent.
func (c *UnknownComponent) ComponentType() ComponentType { return c.Type }

// MarshalJSON writes what was read.
func (c *UnknownComponent) MarshalJSON() ([]byte, error) { return c.Raw.MarshalJSON() }

// AnyComponent is a field that holds a component; nil is none.
type AnyComponent struct{ Component }

// MarshalJSON writes the component.
func (c AnyComponent) MarshalJSON() ([]byte, error) { return json.Marshal(c.Component) }

// UnmarshalJSON reads a component of any kind.
func (c *AnyComponent) UnmarshalJSON(data []byte) error {
	var head struct{ Type ComponentType }
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	if string(data) == "null" {
		c.Component = nil
		return nil
	}
	if c.Component = newComponent(head.Type); c.Component == nil {
		c.Component = &UnknownComponent{head.Type, bytes.Clone(data)}
		return nil
	}
	return json.Unmarshal(data, c.Component)
}

// Components are the components of a message, or of a component.
type Components []Component

// UnmarshalJSON reads components of any kinds.
func (c *Components) UnmarshalJSON(data []byte) error {
	var list []AnyComponent
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*c = nil
	if list != nil {
		*c = make(Components, len(list))
	}
	for i, one := range list {
		(*c)[i] = one.Component
	}
	return nil
}
