// Prints each outcome of petstream once, and goes on where it stopped.
//
//	KAFKA_BOOTSTRAP_SERVERS=localhost:9092 go run . GROUP [COUNT]
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
)

const remembered = 100_000

type event struct {
	Classification string  `json:"classification"`
	Confidence     float64 `json:"confidence"`
	Reason         string  `json:"reason"`
	ImageURL       string  `json:"image_url"`
}

// Yours to write. If it fails, end the process: what was not committed comes again.
func handle(e event) {
	if e.Classification != "" {
		fmt.Printf("%s %.3f %s\n", e.Classification, e.Confidence, e.ImageURL)
	} else {
		fmt.Printf("%s %s\n", e.Reason, e.ImageURL)
	}
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func main() {
	left := math.MaxInt
	if len(os.Args) > 2 {
		left, _ = strconv.Atoi(os.Args[2])
	}
	prefix := os.Getenv("KAFKA_TOPIC_PREFIX")
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(os.Getenv("KAFKA_BOOTSTRAP_SERVERS"), ",")...),
		kgo.ConsumerGroup(os.Args[1]),
		kgo.ConsumeTopics(prefix+"image-classifications", prefix+"image-rejections"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),    // it would commit what is not handled yet
		kgo.BlockRebalanceOnPoll(), // no partition moves between handling and commit
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseAllowingRebalance()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	seen, oldest := map[string]bool{}, []string{}
	for left > 0 && ctx.Err() == nil {
		fetches := client.PollRecords(ctx, min(left, 100))
		fetches.EachError(func(topic string, partition int32, err error) {
			if ctx.Err() == nil {
				log.Fatalf("%s, partition %d: %v", topic, partition, err)
			}
		})
		for _, record := range fetches.Records() {
			id, kind := header(record, "ce_id"), header(record, "ce_type")
			if seen[id] || kind != "petstream.image.classified.v1" && kind != "petstream.image.rejected.v1" {
				continue
			}
			var e event
			if err := json.Unmarshal(record.Value, &e); err != nil {
				log.Fatalf("%s, partition %d, offset %d: %v", record.Topic, record.Partition, record.Offset, err)
			}
			handle(e)
			left--
			seen[id], oldest = true, append(oldest, id)
			if len(oldest) > remembered {
				delete(seen, oldest[0])
				oldest = oldest[1:]
			}
		}
		// Not with ctx: what was handled is committed after the signal, too.
		if err := client.CommitRecords(context.Background(), fetches.Records()...); err != nil {
			log.Fatal(err)
		}
		client.AllowRebalance()
	}
}
