module github.com/gatehouse-iam/gatehouse/test/cluster

go 1.26.0

require github.com/gatehouse-iam/gatehouse v0.0.0

replace github.com/gatehouse-iam/gatehouse => ../..
