package kafka

import (
	"errors"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// answer says what is known about a batch after one attempt to send it: from the
// broker's answer, or from the fact that there is none.
type answer int

const (
	answerWritten         answer = iota
	answerDuplicate              // the sequence was used before: by this batch if this is not its first attempt, else by another batch
	answerRefused                // not written, and sending it again would not help
	answerRetriable              // not written; sending it again may succeed
	answerLeaderMoved            // a single broker has not written it, a cluster may have; sending it again may succeed
	answerUnknownSequence        // not written: it does not follow what the broker knows of this producer id
	answerUnclear                // it may have been written or not
)

// classify returns what the error of one attempt to send a batch says about the batch.
func classify(err error) answer {
	k, answered := errors.AsType[kafka.Error](err)
	switch {
	case err == nil:
		return answerWritten
	case notSent(err):
		return answerRetriable
	case loginFailed(err):
		return answerRefused
	case !answered:
		return answerUnclear
	}
	switch k {
	case kafka.DuplicateSequenceNumber:
		return answerDuplicate
	case kafka.OutOfOrderSequenceNumber, kafka.UnknownProducerId, kafka.InvalidProducerEpoch, kafka.ProducerFenced, kafka.InvalidProducerIDMapping:
		return answerUnknownSequence
	case kafka.NotEnoughReplicas: // brokers answer this only before they append
		return answerRetriable
	case kafka.UnknownTopicOrPartition, kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.BrokerNotAvailable,
		kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch:
		// Brokers answer this when they are asked for a partition that they do not
		// lead. They also answer it when they stop leading the partition, or lose it,
		// while they wait until replicas have what they have appended.
		return answerLeaderMoved
	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidTimestamp, kafka.InvalidRecord, kafka.InvalidMessage,
		kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.InvalidTopic, kafka.InvalidRequiredAcks,
		kafka.UnsupportedForMessageFormat, kafka.UnsupportedVersion, kafka.PolicyViolation:
		return answerRefused
	default: // timed out, too few replicas after it was appended, or an error that is not known here
		return answerUnclear
	}
}

// loginFailed returns whether a broker refused the login. Then nothing was sent.
func loginFailed(err error) bool {
	return errors.Is(err, kafka.SASLAuthenticationFailed) || errors.Is(err, kafka.UnsupportedSASLMechanism) || errors.Is(err, kafka.IllegalSASLState)
}

// notSent returns whether a request certainly never left this process: there was no
// connection, or its partition had no leader.
func notSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || is[*handshakeError](err) || is[*protocol.TopicError](err) || is[*protocol.TopicPartitionError](err)
}
