package kafka

import (
	"errors"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// answer is what a broker's answer, or that there is none, says of the batch just sent.
type answer int

const (
	answerWritten         answer = iota
	answerDuplicate              // its sequence was used before: by this batch if it was sent before, else by another
	answerRefused                // not written, nor will it be if it is sent again
	answerRetriable              // not written; it may be if it is sent again
	answerLeaderMoved            // a cluster may have written it or not, one broker alone has not; it may be if it is sent again
	answerUnknownSequence        // not written: it does not follow what the broker knows of this producer id
	answerUnclear                // it may be written or not
)

// classify tells what the error of sending a batch once says of it.
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
	case kafka.NotEnoughReplicas: // which is found out before the append alone
		return answerRetriable
	case kafka.UnknownTopicOrPartition, kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.BrokerNotAvailable,
		kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch:
		// Brokers answer so when they are asked for a partition that they do not
		// lead, and also when they cease to lead it, or lose it, while they wait for
		// the replicas of what they have appended.
		return answerLeaderMoved
	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidTimestamp, kafka.InvalidRecord, kafka.InvalidMessage,
		kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.InvalidTopic, kafka.InvalidRequiredAcks,
		kafka.UnsupportedForMessageFormat, kafka.UnsupportedVersion, kafka.PolicyViolation:
		return answerRefused
	default: // timed out, too few replicas after it was appended, or an error that is not known here
		return answerUnclear
	}
}

// loginFailed says whether a broker refused the login. Nothing was sent then.
func loginFailed(err error) bool {
	return errors.Is(err, kafka.SASLAuthenticationFailed) || errors.Is(err, kafka.UnsupportedSASLMechanism) || errors.Is(err, kafka.IllegalSASLState)
}

// notSent says whether a request certainly never left this process: there was no
// connection, or no leader of its partition to send it to.
func notSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || is[*handshakeError](err) || is[*protocol.TopicError](err) || is[*protocol.TopicPartitionError](err)
}
