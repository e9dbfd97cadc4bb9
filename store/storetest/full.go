package storetest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// full asserts that a fixture leaves no exported field zero, at any depth, except those in except
// ("Event.Reason"). A new field of a type thus fails here until its fixture sets it, and then in every
// store that drops it.
func full[T any](t *testing.T, fixture T, except ...string) T {
	t.Helper()
	for _, field := range zeroFields(reflect.ValueOf(fixture), "") {
		assert.True(t, slices.Contains(except, field),
			"the fixture leaves %s zero: set it, so that stores are held to keep it", field)
	}
	return fixture
}

// zeroFields names the zero fields of a value as Type.Field.
func zeroFields(v reflect.Value, name string) []string {
	if v.IsZero() {
		return []string{name}
	}
	if _, isTime := v.Interface().(time.Time); isTime {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return zeroFields(v.Elem(), name)
	case reflect.Slice:
		if v.Len() == 0 {
			return []string{name}
		}
		return zeroFields(v.Index(0), name)
	case reflect.Struct:
		var zero []string
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				zero = append(zero, zeroFields(v.Field(i), v.Type().Name()+"."+field.Name)...)
			}
		}
		return zero
	}
	return nil
}
