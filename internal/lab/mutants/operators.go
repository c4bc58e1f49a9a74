package main

import (
	"cmp"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// mutants are all of a package's, in the order of the code. Not all of them compile.
func (s *source) mutants(p *pkg) (all []*mutant) {
	for _, f := range p.files {
		if ast.IsGenerated(f.tree) {
			continue
		}
		w := &walk{source: s, pkg: p, file: f, skip: make(map[ast.Node]bool), factor: make(map[ast.Node]bool)}
		for _, decl := range f.tree.Decls {
			w.decl(decl)
		}
		slices.SortStableFunc(w.found, func(a, b *mutant) int { return cmp.Or(a.start-b.start, cmp.Compare(a.operator, b.operator)) })
		seen := make(map[string]int)
		for _, m := range w.found {
			key := m.where + "\n" + m.operator + "\n" + m.source()
			seen[key]++
			m.nth = seen[key]
		}
		all = append(all, w.found...)
	}
	return all
}

// walk goes through one file.
type walk struct {
	source *source
	pkg    *pkg
	file   *file
	where  string
	body   *ast.BlockStmt
	alone  bool
	void   bool
	skip   map[ast.Node]bool // not mutated, and nothing below either
	factor map[ast.Node]bool // a factor of a product
	found  []*mutant
}

func (w *walk) decl(decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Body == nil {
			return
		}
		w.where, w.body, w.void = functionName(d), d.Body, d.Type.Results == nil
		w.alone = d.Recv == nil && d.Name.Name == "init" || w.shadows(d.Body)
		ast.Inspect(d.Body, w.visit)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if values, ok := spec.(*ast.ValueSpec); ok {
				w.where, w.body, w.alone = values.Names[0].Name, nil, true
				for _, value := range values.Values {
					ast.Inspect(value, w.visit)
				}
			}
		}
	}
}

func functionName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	receiver := types.ExprString(d.Recv.List[0].Type)
	receiver, _, _ = strings.Cut(strings.TrimPrefix(receiver, "*"), "[")
	return receiver + "." + d.Name.Name
}

// shadows says whether the body assigns with := to a parameter or result: in a block of its own, as a copy is, that would be another variable.
func (w *walk) shadows(body *ast.BlockStmt) bool {
	for _, stmt := range body.List {
		assign, ok := stmt.(*ast.AssignStmt)
		if !ok || assign.Tok != token.DEFINE {
			continue
		}
		for _, left := range assign.Lhs {
			if object := w.pkg.info.Uses[left.(*ast.Ident)]; object != nil && object.Pos() < body.Lbrace {
				return true
			}
		}
	}
	return false
}

// add notes a mutant that puts after in place of what lies between two positions.
func (w *walk) add(operator string, from, to token.Pos, after string) {
	at := w.source.fset.PositionFor(from, false)
	w.found = append(w.found, &mutant{
		pkg: w.pkg, file: w.file, where: w.where, line: at.Line, col: at.Column, operator: operator,
		start: at.Offset, end: w.source.offset(to), after: after, body: w.body, alone: w.alone, void: w.void,
	})
}

func (w *walk) text(node ast.Node) string {
	return w.file.text[w.source.offset(node.Pos()):w.source.offset(node.End())]
}

// isLog says whether a call only makes or writes log entries: users get nothing else when it is changed.
func (w *walk) isLog(node ast.Node) bool {
	if stmt, ok := node.(*ast.ExprStmt); ok {
		node = stmt.X
	}
	call, ok := node.(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	object := w.pkg.info.Uses[selector.Sel]
	return object != nil && object.Pkg() != nil &&
		(strings.HasPrefix(object.Pkg().Path(), "go.uber.org/zap") || object.Pkg().Path() == "log/slog")
}

func (w *walk) visit(node ast.Node) bool {
	if node == nil || w.skip[node] || w.isLog(node) {
		return false
	}
	switch n := node.(type) {
	case *ast.IfStmt:
		if n.Else == nil && !slices.ContainsFunc(n.Body.List, func(s ast.Stmt) bool { return !w.isLog(s) }) {
			return false
		}
		w.add("condition-true", n.Cond.Pos(), n.Cond.End(), "("+w.text(n.Cond)+") || true")
		w.add("condition-false", n.Cond.Pos(), n.Cond.End(), "("+w.text(n.Cond)+") && false")
	case *ast.ForStmt:
		if n.Cond != nil {
			w.add("condition-false", n.Cond.Pos(), n.Cond.End(), "("+w.text(n.Cond)+") && false")
		}
	case *ast.BinaryExpr:
		w.binary(n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			w.add("not-removed", n.Pos(), n.End(), w.text(n.X))
		}
	case *ast.BlockStmt:
		w.deleted(n.List)
	case *ast.CaseClause:
		w.add("case-removed", n.Pos(), n.End(), "")
		w.deleted(n.Body)
	case *ast.CommClause:
		w.add("case-removed", n.Pos(), n.End(), "")
		w.deleted(n.Body)
	case *ast.BranchStmt:
		if other := map[token.Token]string{token.BREAK: "continue", token.CONTINUE: "break"}[n.Tok]; other != "" {
			w.add("branch-swapped", n.TokPos, n.TokPos+token.Pos(len(n.Tok.String())), other)
		}
	case *ast.ReturnStmt:
		for _, result := range n.Results {
			w.result(result)
		}
	case *ast.CallExpr: // the capacity in make is a matter of speed
		if name, ok := n.Fun.(*ast.Ident); ok && name.Name == "make" && len(n.Args) == 3 {
			w.skip[n.Args[2]] = true
		}
	case *ast.ArrayType:
		return false
	case *ast.BasicLit, *ast.SelectorExpr:
		w.constant(n.(ast.Expr))
	case *ast.Ident:
		if w.pkg.info.Uses[n] == types.Universe.Lookup("true") || w.pkg.info.Uses[n] == types.Universe.Lookup("false") {
			w.add("flipped", n.Pos(), n.End(), "!"+n.Name)
		}
	}
	return true
}

var swaps = map[token.Token]struct{ operator, after string }{
	token.LSS: {"boundary", "<="}, token.LEQ: {"boundary", "<"}, token.GTR: {"boundary", ">="}, token.GEQ: {"boundary", ">"},
	token.EQL: {"negation", "!="}, token.NEQ: {"negation", "=="},
	token.ADD: {"arithmetic", "-"}, token.SUB: {"arithmetic", "+"}, token.MUL: {"arithmetic", "/"}, token.QUO: {"arithmetic", "*"}, token.REM: {"arithmetic", "*"},
	token.AND: {"arithmetic", "|"}, token.OR: {"arithmetic", "&"}, token.AND_NOT: {"arithmetic", "&"}, token.SHL: {"arithmetic", ">>"}, token.SHR: {"arithmetic", "<<"},
	token.LAND: {"logic", "||"}, token.LOR: {"logic", "&&"},
}

func (w *walk) binary(n *ast.BinaryExpr) {
	if n.Op == token.MUL {
		w.factor[n.X], w.factor[n.Y] = true, true
	}
	kind, ok := w.pkg.info.TypeOf(n).Underlying().(*types.Basic)
	if ok && kind.Info()&types.IsString != 0 || n.Op == token.MUL && w.constantOf(n) != nil {
		return // strings only add up; N / time.Second is a slip that nobody makes
	}
	if swap, ok := swaps[n.Op]; ok {
		w.add(swap.operator, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), swap.after)
	}
}

func (w *walk) deleted(list []ast.Stmt) {
	for _, stmt := range list {
		switch n := stmt.(type) {
		case *ast.ExprStmt, *ast.IncDecStmt, *ast.DeferStmt, *ast.SendStmt, *ast.GoStmt:
			if w.isLog(n) {
				continue
			}
		case *ast.ReturnStmt:
			if len(n.Results) == 0 && w.body != nil && n == w.body.List[len(w.body.List)-1] {
				continue
			}
		case *ast.AssignStmt:
			blank := func(e ast.Expr) bool { name, ok := e.(*ast.Ident); return ok && name.Name == "_" }
			if n.Tok == token.DEFINE || !slices.ContainsFunc(n.Lhs, func(e ast.Expr) bool { return !blank(e) }) ||
				slices.ContainsFunc(n.Rhs, func(e ast.Expr) bool { return w.isLog(e) }) {
				continue
			}
		default:
			continue
		}
		w.add("deleted", stmt.Pos(), stmt.End(), "{}")
	}
}

func (w *walk) constantOf(e ast.Expr) constant.Value { return w.pkg.info.Types[e].Value }

func isDuration(t types.Type) bool { return t != nil && types.TypeString(t, nil) == "time.Duration" }

// constant changes a number, or a duration.
func (w *walk) constant(e ast.Expr) {
	value, kind := w.constantOf(e), w.pkg.info.TypeOf(e)
	selector, named := e.(*ast.SelectorExpr)
	if value == nil || named && (!isDuration(kind) || w.factor[e] || types.ExprString(selector.X) != "time") {
		return
	}
	text := w.text(e)
	switch {
	case isDuration(kind):
		w.add("duration-doubled", e.Pos(), e.End(), "(2*"+text+")")
	case value.Kind() == constant.Int && e.(*ast.BasicLit).Kind == token.INT:
		if n, exact := constant.Int64Val(value); exact {
			w.add("number+1", e.Pos(), e.End(), strconv.FormatInt(n+1, 10))
		}
	case value.Kind() == constant.Float:
		w.add("number-doubled", e.Pos(), e.End(), "(2*"+text+")")
	default:
		return
	}
	if constant.Sign(value) != 0 {
		w.add("number-0", e.Pos(), e.End(), "0")
	}
}

// result changes what is returned.
func (w *walk) result(e ast.Expr) {
	t := w.pkg.info.TypeOf(e)
	if t == nil || w.text(e) == "nil" {
		return
	}
	_, literal := e.(*ast.BasicLit)
	switch under := t.Underlying().(type) {
	case *types.Basic:
		switch info := under.Info(); {
		case info&types.IsBoolean != 0:
			w.skip[e] = w.constantOf(e) != nil
			w.add("return-negated", e.Pos(), e.End(), "!("+w.text(e)+")")
		case info&types.IsNumeric != 0 && !literal:
			w.add("return-0", e.Pos(), e.End(), "0")
		case info&types.IsString != 0 && w.text(e) != `""`:
			w.add("return-empty", e.Pos(), e.End(), `""`)
		}
	case *types.Pointer, *types.Slice, *types.Map, *types.Interface, *types.Signature, *types.Chan:
		w.add("return-nil", e.Pos(), e.End(), "nil")
	}
}
