package functions;

import com.amazonaws.services.lambda.runtime.events.APIGatewayV2HTTPEvent;
import com.amazonaws.services.lambda.runtime.events.APIGatewayV2HTTPResponse;
import com.amazonaws.services.lambda.runtime.events.DynamodbEvent;
import com.amazonaws.services.lambda.runtime.events.KinesisEvent;
import com.amazonaws.services.lambda.runtime.events.S3Event;
import com.amazonaws.services.lambda.runtime.events.SNSEvent;
import com.amazonaws.services.lambda.runtime.events.SQSBatchResponse;
import com.amazonaws.services.lambda.runtime.events.SQSEvent;
import com.amazonaws.services.lambda.runtime.events.ScheduledEvent;
import java.nio.charset.StandardCharsets;
import java.util.Collections;

/** Takes the events of aws-lambda-java-events. */
public class Events {
  public SQSBatchResponse sqs(SQSEvent e) {
    SQSEvent.SQSMessage m = e.getRecords().get(0);
    return new SQSBatchResponse(Collections.singletonList(new SQSBatchResponse.BatchItemFailure(
        m.getBody() + " " + m.getMessageAttributes().get("a").getStringValue() + " " + m.getEventSourceArn())));
  }

  public String sns(SNSEvent e) {
    return e.getRecords().get(0).getSNS().getMessage() + " " + e.getRecords().get(0).getSNS().getTimestamp().getMillis();
  }

  public String s3(S3Event e) {
    return e.getRecords().get(0).getS3().getBucket().getName() + "/" + e.getRecords().get(0).getS3().getObject().getUrlDecodedKey();
  }

  public String kinesis(KinesisEvent e) {
    return StandardCharsets.UTF_8.decode(e.getRecords().get(0).getKinesis().getData()).toString();
  }

  public String dynamodb(DynamodbEvent e) {
    return e.getRecords().get(0).getDynamodb().getNewImage().get("id").getS();
  }

  public String scheduled(ScheduledEvent e) {
    return e.getDetailType() + " " + e.getTime().getYear();
  }

  public APIGatewayV2HTTPResponse http(APIGatewayV2HTTPEvent e) {
    return APIGatewayV2HTTPResponse.builder().withStatusCode(201)
        .withBody(e.getRequestContext().getHttp().getMethod() + " " + e.getQueryStringParameters().get("q")).build();
  }
}
