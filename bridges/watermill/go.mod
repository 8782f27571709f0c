module github.com/leadership-go/leadership/bridges/watermill

go 1.26.7

require (
	github.com/ThreeDotsLabs/watermill v1.5.1
	github.com/leadership-go/leadership v0.0.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/lithammer/shortuuid/v3 v3.0.7 // indirect
	github.com/oklog/ulid v1.3.1 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	golang.org/x/mod v0.41.0 // indirect
)

replace github.com/leadership-go/leadership => ../..
