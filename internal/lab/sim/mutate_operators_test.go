package sim_test

import (
	"go/ast"
	"go/token"
	"strings"
)

// An operator says how one node of the product's syntax is broken: by edits of its text, or by none if
// it cannot be applied to such a node.
type operator func(n ast.Node, text func(ast.Node) string) []edit

// edit puts text in the place of what stands from one position to another.
type edit struct {
	from, to token.Pos
	text     string
}

func replace(n ast.Node, text string) []edit { return []edit{{n.Pos(), n.End(), text}} }

// drop takes a statement out.
func drop() operator { return instead("") }

// instead puts other statements in the place of one.
func instead(statements string) operator {
	return onStatement(func(s ast.Stmt, _ func(ast.Node) string) []edit { return replace(s, statements) })
}

// before and after add statements to one.
func before(statements string) operator {
	return onStatement(func(s ast.Stmt, _ func(ast.Node) string) []edit { return []edit{{s.Pos(), s.Pos(), statements + "; "}} })
}

func after(statements string) operator {
	return onStatement(func(s ast.Stmt, _ func(ast.Node) string) []edit { return []edit{{s.End(), s.End(), "; " + statements}} })
}

// when has a statement carried out under a condition only.
func when(condition string) operator {
	return onStatement(func(s ast.Stmt, text func(ast.Node) string) []edit {
		return replace(s, "if "+condition+" { "+text(s)+" }")
	})
}

// inline has a goroutine's function called, and waited for.
func inline() operator {
	return func(n ast.Node, text func(ast.Node) string) []edit {
		if s, ok := n.(*ast.GoStmt); ok {
			return replace(s, text(s.Call))
		}
		return nil
	}
}

func onStatement(edits func(ast.Stmt, func(ast.Node) string) []edit) operator {
	return func(n ast.Node, text func(ast.Node) string) []edit {
		switch s := n.(type) {
		case *ast.CaseClause, *ast.CommClause:
		case ast.Stmt:
			return edits(s, text)
		}
		return nil
	}
}

// always and never decide a condition, whatever it was; what it named is still used.
func always() operator { return condition(func(was string) string { return "true || (" + was + ")" }) }
func never() operator  { return condition(func(was string) string { return "false && (" + was + ")" }) }

// or adds another case to a condition, and only puts another in its place.
func or(other string) operator {
	return condition(func(was string) string { return "(" + was + ") || (" + other + ")" })
}

func only(other string) operator { return condition(func(string) string { return other }) }

// condition is of an if or a case; otherwise a truth that is assigned or returned.
func condition(change func(was string) string) operator {
	return func(n ast.Node, text func(ast.Node) string) []edit {
		var at ast.Expr
		switch n := n.(type) {
		case *ast.IfStmt:
			at = n.Cond
		case *ast.CaseClause:
			if len(n.List) == 1 {
				at = n.List[0]
			}
		default:
			if values := valuesOf(n); len(values) == 1 {
				at = values[0]
			}
		}
		if at == nil {
			return nil
		}
		return replace(at, change(text(at)))
	}
}

// value puts others in the place of the values that are assigned, returned, declared, or, by a case of a
// select, received. Of an if it is those of its first half.
func value(others ...string) operator {
	return func(n ast.Node, _ func(ast.Node) string) (edits []edit) {
		values := valuesOf(n)
		if len(values) != len(others) {
			return nil
		}
		for i, v := range values {
			edits = append(edits, replace(v, others[i])...)
		}
		return edits
	}
}

func valuesOf(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		return n.Rhs
	case *ast.ReturnStmt:
		return n.Results
	case *ast.ValueSpec:
		return n.Values
	case *ast.KeyValueExpr:
		return []ast.Expr{n.Value}
	case *ast.IfStmt:
		return valuesOf(n.Init)
	case *ast.CommClause:
		if s, ok := n.Comm.(*ast.ExprStmt); ok {
			return []ast.Expr{s.X}
		}
		return valuesOf(n.Comm)
	}
	return nil
}

// field gives another value to the one field of that name in a composite literal.
func field(name, other string) operator {
	return func(n ast.Node, _ func(ast.Node) string) []edit {
		var found []ast.Expr
		ast.Inspect(n, func(n ast.Node) bool {
			if pair, ok := n.(*ast.KeyValueExpr); ok {
				if key, ok := pair.Key.(*ast.Ident); ok && key.Name == name {
					found = append(found, pair.Value)
				}
			}
			return true
		})
		if len(found) != 1 {
			return nil
		}
		return replace(found[0], other)
	}
}

// arg gives another argument to the outermost call; the first is 0.
func arg(i int, other string) operator {
	return func(n ast.Node, _ func(ast.Node) string) []edit {
		var call *ast.CallExpr
		ast.Inspect(n, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok && call == nil {
				call = c
			}
			return call == nil
		})
		if call == nil || i >= len(call.Args) {
			return nil
		}
		return replace(call.Args[i], other)
	}
}

// places are the nodes to which an operator can be applied.
func place(n ast.Node) bool {
	switch n.(type) {
	case *ast.BlockStmt, *ast.LabeledStmt:
		return false
	case ast.Stmt, *ast.ValueSpec, *ast.KeyValueExpr:
		return true
	}
	return false
}

// apply puts edits into a text whose first byte is at the position start.
func apply(text string, start token.Pos, edits []edit) string {
	var out strings.Builder
	at := start
	for _, e := range edits {
		out.WriteString(text[at-start : e.from-start])
		out.WriteString(e.text)
		at = e.to
	}
	out.WriteString(text[at-start:])
	return out.String()
}
