package token

import (
	"context"
	"hash/maphash"
	"sync/atomic"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)
