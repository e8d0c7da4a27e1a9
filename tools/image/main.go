// Command image packs the programs of this repository into a container image, without a container engine: nothing is in it but them, the
// authorities that browsers trust, and a user who is not root. The same files give the same digest.
//
//	image -version 1.2.3 -output bin/image amd64=DIR arm64=DIR
//
// writes an image for each architecture, with the programs of its directory, as a layout of the Open Container Initiative.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	f := flag.NewFlagSet("image", flag.ContinueOnError)
	version := f.String("version", "unreleased", "version that stands on the image")
	output := f.String("output", "", "directory to write; what it holds is removed")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *output == "" || f.NArg() == 0 {
		return errors.New("write -output DIR and, for each architecture, ARCHITECTURE=DIR")
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, argument := range f.Args() {
		architecture, directory, ok := strings.Cut(argument, "=")
		if !ok {
			return fmt.Errorf("%q: write ARCHITECTURE=DIR", argument)
		}
		image, err := pack(directory, architecture, *version)
		if err != nil {
			return err
		}
		size, err := compressed(image)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s: %.1f MB compressed\n", architecture, float64(size)/1e6); err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}})
	}
	if err := os.RemoveAll(*output); err != nil {
		return err
	}
	if _, err := layout.Write(*output, index); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s in %s\n", digest, *output)
	return err
}
