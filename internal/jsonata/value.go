package jsonata

// A JSON value is one of nil, bool, Number, string, []any and *Object. Values
// are shared freely and therefore never changed once made; whoever wants a
// different one makes it with NewObject and new slices.

// Number is a JSON number as it was written.
type Number string

// Object is a JSON object that keeps the order of its keys.
type Object struct {
	keys   []string
	values []any
	index  map[string]int // only of objects with more than linearKeys keys
}

// linearKeys is how many keys are searched one by one before a map is quicker.
const linearKeys = 12

// NewObject returns an empty object with room for n members.
func NewObject(n int) *Object {
	return &Object{keys: make([]string, 0, n), values: make([]any, 0, n)}
}

// Len is the number of members.
func (o *Object) Len() int { return len(o.keys) }

// Keys returns the keys in order. The caller must not change them.
func (o *Object) Keys() []string { return o.keys }

// At returns the i-th member.
func (o *Object) At(i int) (string, any) { return o.keys[i], o.values[i] }

func (o *Object) find(key string) int {
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return i
		}
		return -1
	}
	for i, k := range o.keys {
		if k == key {
			return i
		}
	}
	return -1
}

// Get returns the value of a key and whether it is there.
func (o *Object) Get(key string) (any, bool) {
	if i := o.find(key); i >= 0 {
		return o.values[i], true
	}
	return nil, false
}

// Set gives a key a value; a key that is there keeps its place. Only who made
// the object, and has not shared it yet, may call Set.
func (o *Object) Set(key string, value any) {
	if i := o.find(key); i >= 0 {
		o.values[i] = value
		return
	}
	o.keys = append(o.keys, key)
	o.values = append(o.values, value)
	switch {
	case o.index != nil:
		o.index[key] = len(o.keys) - 1
	case len(o.keys) > linearKeys:
		o.index = make(map[string]int, 2*len(o.keys))
		for i, k := range o.keys {
			o.index[k] = i
		}
	}
}

// With returns a copy in which key has the value.
func (o *Object) With(key string, value any) *Object {
	c := o.Copy(1)
	c.Set(key, value)
	return c
}

// Copy returns a new object with the same members and room for more of them.
func (o *Object) Copy(more int) *Object {
	c := NewObject(o.Len() + more)
	for i, k := range o.keys {
		c.Set(k, o.values[i])
	}
	return c
}

// Equal reports whether two values are the same JSON: numbers by value, objects
// without regard to order.
func Equal(a, b any) bool {
	switch x := a.(type) {
	case Number:
		y, ok := b.(Number)
		return ok && (x == y || x.Float() == y.Float())
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !Equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case *Object:
		y, ok := b.(*Object)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for i, k := range x.keys {
			v, ok := y.Get(k)
			if !ok || !Equal(x.values[i], v) {
				return false
			}
		}
		return true
	default:
		return a == b
	}
}
