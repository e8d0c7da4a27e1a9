package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// Lacking gives the fields of a kind of resource that the cluster's definition of it does not have, by their paths: the API server drops
// what is written into them and tells nobody. A definition that another controller or an older version installed stays in force, since Helm
// makes definitions and never replaces one. Of a kind that the cluster does not know nothing is said.
func Lacking(ctx context.Context, api *rest.Config, kind string) ([]string, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	d, err := discovery.NewDiscoveryClientForConfig(api)
	if err != nil {
		return nil, err
	}
	var all []string
	for of, t := range scheme.AllKnownTypes() {
		if of.Kind != kind {
			continue
		}
		has, err := defined(ctx, d, of)
		if err != nil {
			return nil, fmt.Errorf("asking the cluster for the definition of %s: %w", of, err)
		}
		if has != nil {
			all = append(all, has.lacks("", t)...)
		}
	}
	return all, nil
}

// defined gives what the cluster has of a kind; nil where it does not know it.
func defined(ctx context.Context, d *discovery.DiscoveryClient, of schema.GroupVersionKind) (*definition, error) {
	raw, err := d.RESTClient().Get().AbsPath("/openapi/v3/apis/"+of.GroupVersion().String()).SetHeader("Accept", "application/json").DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var document struct {
		Components struct {
			Schemas map[string]*struct {
				definition

				Kinds []schema.GroupVersionKind `json:"x-kubernetes-group-version-kind"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, err
	}
	for _, s := range document.Components.Schemas {
		if slices.Contains(s.Kinds, of) {
			return &s.definition, nil
		}
	}
	return nil, nil
}

// definition is what a definition says of a field.
type definition struct {
	Properties map[string]*definition `json:"properties"`
	Items      *definition            `json:"items"`
	Additional json.RawMessage        `json:"additionalProperties"`
}

// lacks compares it with a type of ours. What has no fields by the definition, such as a text or anything, is left to its own rules.
func (d *definition) lacks(path string, t reflect.Type) (all []string) {
	switch t.Kind() {
	case reflect.Pointer:
		return d.lacks(path, t.Elem())
	case reflect.Slice:
		if d.Items != nil {
			return d.Items.lacks(path+"[]", t.Elem())
		}
	case reflect.Map:
		var values definition
		if json.Unmarshal(d.Additional, &values) == nil {
			return values.lacks(path+"{}", t.Elem())
		}
	case reflect.Struct:
		if len(d.Properties) == 0 {
			return nil
		}
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			below := strings.TrimPrefix(path+"."+name, ".")
			switch has := d.Properties[name]; {
			case name == "" && f.Anonymous:
				all = append(all, d.lacks(path, f.Type)...)
			case name == "" || name == "-" || below == "metadata":
			case has == nil:
				all = append(all, below)
			default:
				all = append(all, has.lacks(below, f.Type)...)
			}
		}
	}
	return all
}
