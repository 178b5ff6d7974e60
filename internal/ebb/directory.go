package ebb

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// DirectoryOffer is a folder of the host that the platform's operator lets
// triggers look at, with all that is in it.
type DirectoryOffer struct {
	Path string `yaml:"path"` // absolute
	// Services are those that may have it, by id; "*" is all.
	Services []string `yaml:"services"`
	// ReadOnly keeps files from being moved and removed.
	ReadOnly bool `yaml:"readOnly"`
}

// Validate checks an offer's shape. Errors name the field.
func (o *DirectoryOffer) Validate() error {
	switch {
	case !path.IsAbs(o.Path) || path.Clean(o.Path) != o.Path || strings.ContainsRune(o.Path, 0):
		return fmt.Errorf("path: %.200q is not a clean absolute path", o.Path)
	case o.Path == "/":
		return errors.New("path: the whole of the host's files is not offered")
	case len(o.Services) == 0:
		return errors.New("services: it names nobody who may have it; [\"*\"] is everybody")
	}
	for _, s := range o.Services {
		if s != "*" && !ServiceID(s).Valid() {
			return fmt.Errorf("services: %.40q is neither a service's id nor *", s)
		}
	}
	return nil
}

// OfferedTo reports whether a service may have the folder.
func (o *DirectoryOffer) OfferedTo(service ServiceID) bool {
	return slices.Contains(o.Services, "*") || slices.Contains(o.Services, string(service))
}
