package main

import (
	"cmp"
	"go/ast"
	"go/token"
	"slices"
)

// before compares places.
func before(a, b [2]int) bool { return slices.Compare(a[:], b[:]) < 0 }

// within are the tests that ran any block between two places of a file. Where one block holds both places, only its own count.
func (c *coverage) within(file string, from, to [2]int) (tests []int) {
	for _, b := range c.Blocks[file] {
		if !before(from, b.From) && !before(b.To, to) {
			return b.Tests
		}
		if before(b.From, to) && before(from, b.To) {
			tests = append(tests, b.Tests...)
		}
	}
	slices.Sort(tests)
	return slices.Compact(tests)
}

// of are the tests that may notice a mutant: those that run its place; for a constant or variable of a package, those that
// run what uses it.
func (c *coverage) of(s *source, m *mutant) []int {
	place := func(at token.Pos) [2]int { p := s.fset.PositionFor(at, false); return [2]int{p.Line, p.Column} }
	at := [2]int{m.line, m.col}
	if m.body != nil {
		for _, b := range c.Blocks[m.file.path] {
			if !before(at, b.From) && before(at, b.To) {
				return b.Tests
			}
		}
		return c.within(m.file.path, place(m.body.Lbrace), place(m.body.Rbrace)) // a case, or the like
	}
	var tests []int
	for _, use := range s.uses(m) {
		tests = append(tests, c.within(use.file, place(use.from), place(use.to))...)
	}
	if len(tests) == 0 {
		for _, f := range m.pkg.files {
			tests = append(tests, c.within(f.path, [2]int{}, [2]int{1 << 30})...)
		}
	}
	slices.Sort(tests)
	return slices.Compact(tests)
}

type use struct {
	file     string
	from, to token.Pos
}

// uses are the functions that name what the mutant's declaration declares, or what that is used to declare.
func (s *source) uses(m *mutant) (found []use) {
	wanted := map[string]bool{m.pkg.types.Path() + "." + m.where: true}
	for grown := true; grown; {
		grown, found = false, nil
		for _, p := range s.packages {
			for _, f := range p.files {
				for _, decl := range f.tree.Decls {
					if !s.names(p, decl, wanted) {
						continue
					}
					switch d := decl.(type) {
					case *ast.FuncDecl:
						found = append(found, use{f.path, d.Pos(), d.End()})
					case *ast.GenDecl: // a group with iota counts as one
						for _, spec := range d.Specs {
							values, ok := spec.(*ast.ValueSpec)
							if !ok || !s.names(p, spec, wanted) && (d.Tok != token.CONST || len(values.Values) > 0) {
								continue
							}
							for _, name := range values.Names {
								key := p.types.Path() + "." + name.Name
								grown = grown || !wanted[key]
								wanted[key] = true
							}
						}
					}
				}
			}
		}
	}
	return found
}

// names says whether a piece of code declares or uses one of the things wanted.
func (s *source) names(p *pkg, node ast.Node, wanted map[string]bool) (found bool) {
	ast.Inspect(node, func(node ast.Node) bool {
		name, ok := node.(*ast.Ident)
		if !ok || found {
			return !found
		}
		object := cmp.Or(p.info.Uses[name], p.info.Defs[name])
		found = object != nil && object.Pkg() != nil && object.Parent() == object.Pkg().Scope() && wanted[object.Pkg().Path()+"."+object.Name()]
		return true
	})
	return found
}
