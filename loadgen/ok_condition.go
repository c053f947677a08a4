package loadgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// okCondition says which answers accept a request, as in status==200 && !body.error. It is
// an expression of expr-lang. What is missing in a body, null, false, 0 or "" is no, and
// everything else is yes.
type okCondition struct {
	program  *vm.Program
	withBody bool // the condition speaks of the body, which must be parsed for it
}

// answerFields is what a condition may speak of.
type answerFields struct {
	Status int `expr:"status"`
	Body   any `expr:"body"` // what the JSON holds; of other bodies their text; of none an empty object
}

// parseOK parses a condition. The error names the place at which it is wrong.
func parseOK(condition string) (*okCondition, error) {
	c := &okCondition{}
	var err error
	isTrue := expr.Function("truth", func(of ...any) (any, error) { return truth(of[0]), nil }, new(func(any) bool))
	c.program, err = expr.Compile(condition, expr.Env(answerFields{}), isTrue, expr.Patch(truthOfOperands{c}), expr.AsAny())
	if wrong, ok := errors.AsType[*file.Error](err); ok {
		why := fmt.Sprintf("%s at character %d", wrong.Message, wrong.Column+1)
		if strings.HasPrefix(why, "unknown name") {
			why += " (there are status and body)"
		}
		return nil, &BoundsError{"ok", condition, why}
	}
	if err != nil {
		return nil, &BoundsError{"ok", condition, err.Error()}
	}
	if kind := c.program.Node().Type(); kind != nil && kind.Kind() != reflect.Bool && kind.Kind() != reflect.Interface {
		return nil, &BoundsError{"ok", condition, "it is neither true nor false: want a condition like status==200 && !body.error"}
	}
	return c, nil
}

// truthOfOperands makes "!", "&&" and "||" take what a body may hold: expr's own take
// booleans alone.
type truthOfOperands struct{ of *okCondition }

func (v truthOfOperands) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		v.of.withBody = v.of.withBody || n.Value == "body"
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			n.Node = truthOf(n.Node)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "||", "and", "or":
			n.Left, n.Right = truthOf(n.Left), truthOf(n.Right)
		}
	case *ast.ConditionalNode:
		n.Cond = truthOf(n.Cond)
	}
}

func truthOf(n ast.Node) ast.Node {
	if kind := n.Type(); kind != nil && kind.Kind() != reflect.Interface {
		return n // of a known type, which expr checks
	}
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: "truth"}, Arguments: []ast.Node{n}}
}

func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	case int: // of the condition itself, as in body.count ?? 0
		return v != 0
	case string:
		return v != ""
	}
	return true
}

// accepts returns whether an answer meets the condition, and why that cannot be said.
func (c *okCondition) accepts(res response) (bool, error) {
	of := answerFields{Status: res.status}
	if c.withBody {
		of.Body = bodyOf(res.body)
	}
	v, err := expr.Run(c.program, of)
	if _, noJSON := of.Body.(string); err != nil && noJSON {
		err = errNoJSON
	} else if err != nil {
		err = errUnjudged
	}
	return truth(v), err
}

// errNoJSON says that a condition speaks of what only JSON holds.
var errNoJSON = errors.New("the body is no JSON")

// errUnjudged says that a condition fails on a body. What expr says of it may hold what is
// in the body, and that may be a secret.
var errUnjudged = errors.New("--ok fails on this body")

// bodyOf returns what a body holds.
func bodyOf(b []byte) any {
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return map[string]any{}
	}
	var v any
	if json.Unmarshal(b, &v) == nil {
		return v
	}
	return string(b)
}

// conditionalRequests are requests whose answers are judged by a condition.
type conditionalRequests struct {
	requests
	ok *okCondition
}

// answered takes an answer that meets the condition for one with status 200. One that
// does not is refused, unless its status says what became of the request.
func (r conditionalRequests) answered(out *requestOutcome, n int64, res response) {
	met, err := r.ok.accepts(res)
	switch {
	case met:
		res.status = 200
	case res.status >= 200 && res.status < 300:
		r.unanswered(out, n, true)
		out.errorKind = strconv.Itoa(res.status) + " not ok"
		if err != nil {
			out.errorKind += " (" + err.Error() + ")"
		}
		return
	}
	r.requests.answered(out, n, res)
}
