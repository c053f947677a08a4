package kafka

import (
	"errors"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// verdict is what an answer, or its absence, says of the batch just sent.
type answer int

const (
	answerWritten         answer = iota
	answerDuplicate              // its sequence is used: by itself if it was sent before, else by something else
	answerRefused                // not written, and never will be
	answerRetriable              // not written; the same again may be
	answerUnknownSequence        // not written: the broker does not know this producer's sequence
	answerUnclear                // written or not
)

// judge reads a verdict out of the error of one attempt.
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
	case kafka.UnknownTopicOrPartition, kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.BrokerNotAvailable,
		kafka.NotEnoughReplicas, kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch:
		return answerRetriable
	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidTimestamp, kafka.InvalidRecord, kafka.InvalidMessage,
		kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.InvalidTopic, kafka.InvalidRequiredAcks,
		kafka.UnsupportedForMessageFormat, kafka.UnsupportedVersion, kafka.PolicyViolation:
		return answerRefused
	default: // timed out, too few replicas after the append, or an error that we do not know
		return answerUnclear
	}
}

// loginFailed says whether the broker did not let us log in. Nothing was sent then.
func loginFailed(err error) bool {
	return errors.Is(err, kafka.SASLAuthenticationFailed) || errors.Is(err, kafka.UnsupportedSASLMechanism) || errors.Is(err, kafka.IllegalSASLState)
}

// notSent says whether a request certainly never left this process: there was no
// connection, or no leader of its partition to send it to.
func notSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || is[*handshakeError](err) || is[*protocol.TopicError](err) || is[*protocol.TopicPartitionError](err)
}
